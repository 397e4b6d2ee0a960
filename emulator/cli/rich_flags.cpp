#include "emulator/cli/flags.hpp"
#include "emulator/cli/rich_commands.hpp"
#include "emulator/rich/forgery.hpp"

#include <CLI/CLI.hpp>

#include <string>
#include <utility>

namespace graphhook::emulator::cli {
namespace {

std::string forgery_names() {
    std::string names = "all";
    for (const ForgeryKind& kind : forgery_kinds()) names += ", " + std::string(kind.name);
    return names;
}

}  // namespace

void add_forging(CLI::App& command, RichFlags& flags) {
    command.add_option(
        "--forge", flags.forge,
        "What is forged for subscribers with resource data (graph-emulator forgeries explains): " +
            forgery_names()
    );
    command
        .add_option(
            "--forge-every", flags.forge_every, "Of so many changes one is forged, the first too"
        )
        ->capture_default_str()
        ->check(CLI::Range(1, 1'000'000));
    command.add_flag(
        "--beside-good", flags.beside_good, "The forged token stands beside the good one"
    );
}

void add_forging_members(boost::json::object& request, const RichFlags& flags) {
    if (flags.forge.empty()) return;
    request["forge"] = flags.forge;
    request["forgeEvery"] = flags.forge_every;
    request["besideGood"] = flags.beside_good;
}

void add_rich_commands(
    CLI::App& app, ClientFlags& flags, const AddClient& add_client, Action& action
) {
    auto* keys_command =
        app.add_subcommand("keys", "The keys that validation tokens are signed with");
    keys_command->require_subcommand(1);
    const std::pair<const char*, const char*> actions[] = {
        {"list", "The keys, which are in the key sets, and which one signs"},
        {"publish", "A new key is in the key sets; the next rotate makes it sign"},
        {"rotate", "A new key is in the key sets and signs; the old ones stay there"},
        {"hide", "A new key signs and is in no key set"},
        {"reveal", "All keys are in the key sets"},
        {"retire", "Only the key that signs is in the key sets"},
    };
    for (const auto& [verb, help] : actions) {
        add_client(*keys_command, verb, help)
            ->callback([&flags, &action, name = std::string(verb)] {
                action = [&flags, name] { return keys(flags.target, name, flags.output); };
            });
    }
    auto* clock = add_client(
        app, "token-clock", "Validation tokens and the header Date are as by a clock that is off"
    );
    clock->add_option("--offset", flags.rich.offset, "Seconds; negative: it is behind")->required();
    clock->callback([&flags, &action] {
        action = [&flags] { return token_clock(flags.target, flags.rich.offset, flags.output); };
    });
    auto* list = app.add_subcommand(
        "forgeries", "What can be forged, and what a receiver has to do with it"
    );
    list->add_option("-o,--output", flags.rich.output, "table or json")
        ->check(CLI::IsMember({"table", "json"}));
    list->callback([&flags, &action] {
        action = [&flags] {
            return forgeries(flags.rich.output == "json" ? Output::Json : Output::Table);
        };
    });
}

}  // namespace graphhook::emulator::cli
