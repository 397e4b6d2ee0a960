// What one item of resource data costs one thread: reading the stored item, its data key, its
// signature, 2 KiB of plaintext. And what it costs to prove an item by a POST's tokens that were
// judged before.
//
//   graphhook-decrypt-bench [SECONDS]     (default: 3)
//
// Prints two figures a line each, per second of processor time as `openssl speed` counts:
// decrypted, proved by repeated tokens. decrypt.py runs it beside `openssl speed`.

#include "authenticity/keyring.hpp"
#include "authenticity/resource_data.hpp"
#include "authenticity/token.hpp"
#include "authenticity/verdict_cache.hpp"
#include "tests/authenticity/sealing.hpp"

#include <fmt/format.h>
#include <sys/resource.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

namespace {

using namespace graphhook;
using namespace graphhook::authenticity;

constexpr std::size_t kItems = 64;
constexpr std::size_t kPlaintext = 2048;

double processor_seconds() {
    ::rusage usage{};
    ::getrusage(RUSAGE_THREAD, &usage);
    const auto seconds = [](const ::timeval& time) {
        return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
    };
    return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

/// How often a second; false from `work` ends the program.
template <class Work>
double rate(double seconds, Work work) {
    std::size_t count = 0;
    const double began = processor_seconds();
    double now = began;
    while (now - began < seconds) {
        for (std::size_t i = 0; i < kItems; ++i) {
            if (!work(i)) {
                fmt::print(stderr, "what was made a moment ago is not taken\n");
                std::exit(1);
            }
        }
        count += kItems;
        now = processor_seconds();
    }
    return static_cast<double>(count) / (now - began);
}

std::vector<std::string> make_items(EVP_PKEY* key) {
    std::vector<std::string> items;
    for (std::size_t i = 0; i < kItems; ++i) {
        std::string plain = fmt::format(R"({{"id":"{}","body":{{"content":")", i);
        plain.append(kPlaintext - plain.size() - 3, 'x');
        plain += "\"}}";
        const EncryptedContent content = test::seal(key, plain);
        items.push_back(fmt::format(
            R"({{"subscriptionId":"6d0f6a0c-7a39-4f0e-8a53-2f7a0b5d1c11","changeType":"created",)"
            R"("resource":"chats/19:bench/messages/{}","encryptedContent":{{"data":"{}",)"
            R"("dataKey":"{}","dataSignature":"{}","encryptionCertificateId":"{}",)"
            R"("encryptionCertificateThumbprint":"{}"}}}})",
            i, content.data, content.data_key, content.data_signature, content.certificate_id,
            content.thumbprint
        ));
    }
    return items;
}

double decrypted(double seconds) {
    const EncryptionKeyPtr key = test::key_of(test::make_rsa(2048));
    const auto items = make_items(key->key.get());
    return rate(seconds, [&](std::size_t i) {
        const auto content = read_encrypted_content(items[i]);
        const auto* const sealed = std::get_if<EncryptedContent>(&content);
        return sealed != nullptr && std::holds_alternative<Secret>(decrypt(*sealed, *key));
    });
}

double repeated_tokens(double seconds) {
    const SystemTime now =
        std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
    const Expected expected{
        .tenant_id = "84bd8158-6d4d-4958-8b9f-9d6445542f95",
        .client_id = "11111111-2222-3333-4444-555555555555",
        .login = "https://login.microsoftonline.com",
    };
    TokenVerdict verdict;
    verdict.tenant_id = expected.tenant_id;
    verdict.client_id = expected.client_id;
    verdict.login = expected.login;
    verdict.not_before = now - std::chrono::hours(1);
    verdict.expires = now + std::chrono::hours(1);
    TokenVerdicts known;
    std::vector<std::string> arrays;
    for (std::size_t i = 0; i < kItems; ++i) {
        arrays.push_back(fmt::format(R"(["{:04}{}"])", i, std::string(1500, 'x')));
        known.put(
            arrays.back(),
            std::make_shared<const std::vector<TokenVerdict>>(std::vector<TokenVerdict>{verdict}),
            now
        );
    }
    return rate(seconds, [&](std::size_t i) {
        const auto verdicts = known.find(arrays[i], now);
        return verdicts != nullptr && judge_item(*verdicts, expected, now, false) == Reason::None;
    });
}

}  // namespace

int main(int argc, char** argv) {
    const double seconds = argc > 1 ? std::strtod(argv[1], nullptr) : 3.0;
    if (seconds <= 0) {
        fmt::print(stderr, "usage: graphhook-decrypt-bench [SECONDS]\n");
        return 2;
    }
    fmt::print("decrypted {:.1f}\n", decrypted(seconds));
    fmt::print("repeated {:.1f}\n", repeated_tokens(seconds / 3));
}
