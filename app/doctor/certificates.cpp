#include "app/doctor/certificates.hpp"

#include "core/time_text.hpp"

#include <fmt/format.h>
#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <memory>

namespace graphhook::app::doctor {
namespace {

constexpr std::chrono::hours kSoon{14 * 24};

SystemTime time_of(const ASN1_TIME* time) {
    std::tm parts{};
    if (time == nullptr || ::ASN1_TIME_to_tm(time, &parts) != 1) return {};
    return SystemTime(std::chrono::seconds(::timegm(&parts)));
}

std::string day(SystemTime time) {
    return graphhook::to_text(std::chrono::floor<std::chrono::seconds>(time));
}

std::string name_of(const X509* certificate) {
    std::array<char, 256> name{};
    const auto* subject = ::X509_get_subject_name(certificate);
    if (::X509_NAME_get_text_by_NID(subject, NID_commonName, name.data(), name.size()) > 0)
        return name.data();
    ::X509_NAME_oneline(subject, name.data(), static_cast<int>(name.size()));
    return name.data();
}

}  // namespace

CertificateDates dates_of(const X509* certificate) {
    return {
        name_of(certificate), time_of(::X509_get0_notBefore(certificate)),
        time_of(::X509_get0_notAfter(certificate))
    };
}

Result<std::vector<CertificateDates>> read_certificates(const std::string& pem) {
    const std::unique_ptr<BIO, int (*)(BIO*)> bio(
        ::BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), &::BIO_free
    );
    std::vector<CertificateDates> found;
    for (;;) {
        const std::unique_ptr<X509, void (*)(X509*)> certificate(
            ::PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr), &::X509_free
        );
        if (certificate == nullptr) break;
        found.push_back(dates_of(certificate.get()));
    }
    ::ERR_clear_error();
    if (found.empty()) return graphhook::fail(Errc::BadInput, "there is no certificate in it");
    return found;
}

Finding judge_end(
    const std::string& check, const std::string& subject, const std::string& what, SystemTime end,
    SystemTime now, const std::string& remedy
) {
    if (end <= now)
        return fail(check, subject, fmt::format("{} ended on {}", what, day(end)), remedy);
    if (end - now < kSoon) {
        const auto days = std::chrono::duration_cast<std::chrono::hours>(end - now).count() / 24;
        return warn(
            check, subject, fmt::format("{} ends on {}, in {} days", what, day(end), days), remedy
        );
    }
    return ok(check, subject, fmt::format("{} is good until {}", what, day(end)));
}

Finding judge_dates(
    const std::string& check, const std::string& subject,
    const std::vector<CertificateDates>& chain, SystemTime now, const std::string& remedy
) {
    const auto early = std::ranges::find_if(chain, [now](const CertificateDates& one) {
        return one.not_before > now;
    });
    if (early != chain.end()) {
        return fail(
            check, subject,
            fmt::format(
                "the certificate '{}' is not good before {}", early->subject, day(early->not_before)
            ),
            "look at this machine's clock, or wait"
        );
    }
    const auto first = std::ranges::min_element(chain, {}, &CertificateDates::not_after);
    if (first == chain.end()) return fail(check, subject, "there is no certificate", remedy);
    return judge_end(
        check, subject, fmt::format("the certificate '{}'", first->subject), first->not_after, now,
        remedy
    );
}

}  // namespace graphhook::app::doctor
