#include "emulator/cli/identity_commands.hpp"

#include "emulator/certificates.hpp"
#include "emulator/cli/print.hpp"
#include "emulator/files.hpp"

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include <cstdio>

namespace graphhook::emulator::cli {
namespace {

using boost::json::object;

/// One line for each entry, below the name of its kind.
std::string lines_of(const object& json) {
    std::string lines;
    for (const auto& member : json) {
        const std::string_view name(member.key().data(), member.key().size());
        if (!member.value().is_array()) {
            lines += fmt::format("{}: {}\n", name, boost::json::serialize(member.value()));
            continue;
        }
        for (const auto& entry : member.value().as_array())
            lines += fmt::format("{}: {}\n", name, boost::json::serialize(entry));
    }
    if (lines.ends_with('\n')) lines.pop_back();
    return lines;
}

int print(const Result<object>& answer, Output output) {
    if (!answer) return trouble(answer.error());
    say(output == Output::Json ? boost::json::serialize(*answer) : lines_of(*answer));
    return 0;
}

}  // namespace

int identity(const Target& target, const object& request, Output output) {
    Client client(target);
    if (request.empty()) return print(client.send("GET", "/emulator/identity"), output);
    return print(client.send("POST", "/emulator/identity", request), output);
}

int identity_from(const Target& target, const std::string& file, Output output) {
    const auto text = read_file(file);
    if (!text) return trouble(text.error());
    boost::system::error_code error;
    const auto json = boost::json::parse(*text, error);
    if (error || !json.is_object())
        return trouble(fail(Errc::BadInput, fmt::format("{} holds no JSON object", file)));
    return identity(target, json.as_object(), output);
}

int approve_device(const Target& target, const object& request, Output output) {
    return print(Client(target).send("POST", "/emulator/identity/approve", request), output);
}

int revoke(const Target& target, const object& request, Output output) {
    return print(Client(target).send("POST", "/emulator/identity/revoke", request), output);
}

int user_token(const Target& target, const object& request, Output output) {
    const auto answer = Client(target).send("POST", "/emulator/identity/user-token", request);
    const auto* token = answer ? answer->if_contains("accessToken") : nullptr;
    if (output == Output::Json || token == nullptr || !token->is_string())
        return print(answer, output);
    say(std::string(token->as_string()));
    return 0;
}

int federated_token(const FederatedTokenArguments& arguments) {
    const std::filesystem::path directory =
        arguments.certificates_directory.empty()
            ? default_certificates_directory()
            : std::filesystem::path(arguments.certificates_directory);
    if (directory.empty())
        return trouble(fail(Errc::BadInput, "there is no home directory; say --certificates-dir"));
    const auto key = federation_key_in(directory);
    if (!key) return trouble(key.error());
    const auto token = mint(*key, arguments.token, real_clock().system_now());
    if (arguments.out.empty()) {
        say(token);
        return 0;
    }
    if (auto written = write_file(arguments.out, token, FileMode::Secret); !written)
        return trouble(written.error());
    return 0;
}

}  // namespace graphhook::emulator::cli
