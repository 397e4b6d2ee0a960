#pragma once

#include "receiver/tls_context.hpp"

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

namespace graphhook::receiver {

/// Looks every two seconds whether a listener's certificate and key have changed, on a thread of
/// its own.
class CertificateWatch {
  public:
    /// `tried` is told of each reload, on the watch's thread.
    CertificateWatch(std::shared_ptr<TlsContext> tls, std::function<void(const TlsReport&)> tried);
    ~CertificateWatch();

  private:
    void run();
    const std::shared_ptr<TlsContext> tls_;
    const std::function<void(const TlsReport&)> tried_;
    std::mutex mutex_;
    std::condition_variable wake_;
    bool stopping_ = false;
    std::thread thread_;
};

}  // namespace graphhook::receiver
