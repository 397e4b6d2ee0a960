#pragma once

#include "app/doctor/finding.hpp"
#include "core/clock.hpp"
#include "core/error.hpp"

#include <openssl/types.h>

#include <string>
#include <vector>

namespace graphhook::app::doctor {

/// How long a certificate is good.
struct CertificateDates {
    std::string subject;  ///< Its common name, or all of its name.
    SystemTime not_before, not_after;
};

[[nodiscard]] CertificateDates dates_of(const X509* certificate);
/// All certificates of a PEM text, in their order. Errc::BadInput: there is none.
[[nodiscard]] Result<std::vector<CertificateDates>> read_certificates(const std::string& pem);

/// Ended or not begun: fails; ends within 14 days: a warning. The one of a chain that ends first
/// counts. Pure.
[[nodiscard]] Finding judge_dates(
    const std::string& check, const std::string& subject,
    const std::vector<CertificateDates>& chain, SystemTime now, const std::string& remedy
);
/// The same for something that only has an end.
[[nodiscard]] Finding judge_end(
    const std::string& check, const std::string& subject, const std::string& what, SystemTime end,
    SystemTime now, const std::string& remedy
);

}  // namespace graphhook::app::doctor
