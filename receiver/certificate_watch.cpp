#include "receiver/certificate_watch.hpp"

#include "core/log.hpp"
#include "core/time_text.hpp"

namespace graphhook::receiver {
namespace {

constexpr auto kLookEvery = std::chrono::milliseconds(2'000);

}  // namespace

CertificateWatch::CertificateWatch(
    std::shared_ptr<TlsContext> tls, std::function<void(const TlsReport&)> tried
)
    : tls_(std::move(tls)), tried_(std::move(tried)), thread_([this] { run(); }) {
}

CertificateWatch::~CertificateWatch() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    wake_.notify_all();
    thread_.join();
}

void CertificateWatch::run() {
    std::unique_lock lock(mutex_);
    while (!wake_.wait_for(lock, kLookEvery, [this] { return stopping_; })) {
        TlsReport report;
        if (!tls_->poll(report)) continue;
        if (report.taken) {
            log().info("certificate taken up expires={}", to_text(report.expires_at));
        } else {
            log().error("certificate not taken up, the old one stays: {}", report.error);
        }
        tried_(report);
    }
}

}  // namespace graphhook::receiver
