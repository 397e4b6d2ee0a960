#include "emulator/cli/serve.hpp"

#include "core/log.hpp"
#include "emulator/certificates.hpp"
#include "emulator/emulator.hpp"
#include "emulator/files.hpp"

#include <fmt/format.h>

#include <cstdio>

namespace graphhook::emulator::cli {
namespace {

std::vector<std::string> with_local(const std::vector<std::string>& hosts) {
    std::vector<std::string> all{"localhost", "127.0.0.1", "::1"};
    all.insert(all.end(), hosts.begin(), hosts.end());
    return all;
}

int trouble(const Error& error) {
    std::fputs(fmt::format("graph-emulator: {}\n", error.detail).c_str(), stderr);
    return error.code == Errc::BadInput ? 2 : 1;
}

Result<void> make_receiver_certificate(
    const std::filesystem::path& directory, const std::vector<std::string>& hosts
) {
    const auto authority = authority_in(directory);
    if (!authority) return authority.error();
    return receiver_certificate_in(directory, *authority, with_local(hosts));
}

}  // namespace

int serve(ServeArguments arguments) {
    if (arguments.options.certificates_directory.empty()) {
        arguments.options.certificates_directory = default_certificates_directory();
    }
    const auto directory = arguments.options.certificates_directory;
    auto emulator = Emulator::open(std::move(arguments.options), real_clock());
    if (!emulator) return trouble(emulator.error());
    if (arguments.receiver_certificate) {
        if (auto made = make_receiver_certificate(directory, arguments.receiver_hosts); !made)
            return trouble(made.error());
    }
    (*emulator)->stop_on_signals();
    if (!arguments.managed_identity_port_file.empty()) {
        const auto text = fmt::format("{}\n", (*emulator)->managed_identity_port());
        if (auto written = write_file(arguments.managed_identity_port_file, text, FileMode::Public);
            !written)
            return trouble(written.error());
    }
    // Last: who waits for it finds everything else ready.
    if (!arguments.port_file.empty()) {
        const auto text = fmt::format("{}\n", (*emulator)->port());
        if (auto written = write_file(arguments.port_file, text, FileMode::Public); !written)
            return trouble(written.error());
    }
    log().info("ready url={}", (*emulator)->base_url());
    (*emulator)->run();
    log().info("stopped");
    return 0;
}

int certificates(const std::string& directory, const std::vector<std::string>& hosts) {
    const std::filesystem::path path =
        directory.empty() ? default_certificates_directory() : std::filesystem::path(directory);
    if (path.empty())
        return trouble(fail(Errc::BadInput, "there is no home directory; say --certificates-dir"));
    if (auto made = make_receiver_certificate(path, hosts); !made) return trouble(made.error());
    std::fputs(
        fmt::format(
            "{}\n{}\n{}\n", (path / "ca.pem").string(), (path / "receiver.crt").string(),
            (path / "receiver.key").string()
        )
            .c_str(),
        stdout
    );
    return 0;
}

}  // namespace graphhook::emulator::cli
