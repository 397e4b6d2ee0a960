// Runs a fuzz target over files instead of libFuzzer's inventions: each argument is a file or a
// folder.
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

int main(int argc, char** argv) {
    std::size_t count = 0;
    const auto run = [&count](const std::filesystem::path& path) {
        std::ifstream file(path, std::ios::binary);
        const std::string bytes{std::istreambuf_iterator<char>(file), {}};
        LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
        ++count;
    };
    for (int i = 1; i < argc; ++i) {
        const std::filesystem::path path(argv[i]);
        if (!std::filesystem::is_directory(path)) {
            run(path);
            continue;
        }
        for (const auto& entry : std::filesystem::directory_iterator(path)) run(entry.path());
    }
    std::printf("%zu inputs\n", count);
    return count == 0 ? 1 : 0;
}
