#include "app/cli/cli.hpp"

int main(int argc, char** argv) {
    return graphhook::app::run(argc, argv);
}
