#pragma once

#include "core/clock.hpp"

#include <string>
#include <string_view>

namespace graphhook::receiver {

/// What goes back. The texts that are views must be of constants: they are not copied.
struct Reply {
    unsigned status = 202;
    std::string_view content_type;  ///< Empty: no such header.
    std::string_view headers;       ///< Further ones, each ended by CR LF.
    std::string more_headers;       ///< The same, of what is not constant.
    std::string body;
    bool close = false;  ///< The connection ends after it.
};

/// How it goes back.
struct ReplyForm {
    bool close = false;
    bool without_body = false;  ///< To a HEAD request: the length only.
};

/// Writes replies as bytes. Keeps the Date header's text, and the whole of the reply that nearly
/// every request gets, from one second to the next. No header names us or our version. Threads:
/// one.
class ReplyWriter {
  public:
    /// "202 Accepted", keep-alive, empty. Valid until the next call.
    [[nodiscard]] std::string_view accepted(SystemTime now);
    void append(std::string& out, const Reply& reply, ReplyForm form, SystemTime now);

  private:
    void refresh(SystemTime now);
    std::chrono::sys_seconds second_{};
    std::string date_;
    std::string accepted_;
};

[[nodiscard]] std::string_view reason_phrase(unsigned status) noexcept;

/// The replies of the public listener; what a header says is in docs/receiver.md.
[[nodiscard]] Reply status_reply(unsigned status);
[[nodiscard]] Reply handshake_reply(std::string token);
[[nodiscard]] Reply unavailable_reply();
[[nodiscard]] Reply text_reply(unsigned status, std::string text);

}  // namespace graphhook::receiver
