#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace graphhook::receiver {

enum class Method : std::uint8_t { Get, Head, Post, Put, Patch, Delete, Other };
[[nodiscard]] std::string_view to_string(Method method) noexcept;

/// The head of a request: what any of our endpoints looks at, and nothing else. The texts are parts
/// of the head as it was received.
class RequestHead {
  public:
    struct Part {
        std::uint32_t at = 0, size = 0;
    };

    Method method = Method::Other;
    bool http_1_0 = false;
    bool close = false;  ///< The peer wants no further request on this connection.
    bool expects_continue = false;
    bool chunked = false;
    std::optional<std::uint64_t> content_length;

    [[nodiscard]] std::string_view target() const noexcept { return text(target_); }
    /// The target without scheme, host and query.
    [[nodiscard]] std::string_view path() const noexcept;
    /// What follows the first '?'.
    [[nodiscard]] std::string_view query() const noexcept;
    [[nodiscard]] std::string_view content_type() const noexcept { return text(content_type_); }
    [[nodiscard]] std::string_view content_encoding() const noexcept {
        return text(content_encoding_);
    }
    [[nodiscard]] std::string_view host() const noexcept { return text(host_); }
    /// Empty, too, if there are two: whoever sends both, neither counts.
    [[nodiscard]] std::string_view authorization() const noexcept { return text(authorization_); }
    [[nodiscard]] std::string_view forwarded_for() const noexcept { return text(forwarded_for_); }
    [[nodiscard]] bool has_body() const noexcept {
        return chunked || content_length.value_or(0) > 0;
    }

  private:
    friend class RequestParser;
    [[nodiscard]] std::string_view text(Part part) const noexcept {
        return {base_ + part.at, part.size};
    }
    const char* base_ = "";
    std::string own_;  ///< The head, once the buffer that it came in is needed otherwise.
    Part target_, content_type_, content_encoding_, host_, authorization_, forwarded_for_;
};

/// Why a request is not one that we answer otherwise than with 400 or 431, and close. The texts are
/// values of the label `reason`.
enum class BadRequest : std::uint8_t {
    None,
    Malformed,         ///< Also: folded lines, bare CR or LF, NUL.
    TransferEncoding,  ///< Any but "chunked", or in HTTP/1.0.
    ContentLength,     ///< Twice, not a number, or beside Transfer-Encoding.
    Host,              ///< Absent or twice in HTTP/1.1.
    Target,            ///< Neither a path nor an absolute http URL.
    HeaderTooLarge,    ///< 431.
};
inline constexpr std::size_t kBadRequests = 7;
[[nodiscard]] std::string_view to_string(BadRequest bad) noexcept;

/// Reads one HTTP/1.x request from bytes as they come (Beast's parser behind stricter checks, so
/// that no proxy in front of us and we can take the same bytes for different requests). Threads:
/// one.
class RequestParser {
  public:
    RequestParser();
    ~RequestParser();
    RequestParser(const RequestParser&) = delete;
    RequestParser& operator=(const RequestParser&) = delete;

    /// For the next request; keeps memory of moderate size.
    void start(std::uint64_t header_limit);

    enum class Step : std::uint8_t { More, Done, Bad };
    struct Fed {
        Step step = Step::More;
        std::size_t used = 0;
    };
    /// Until Done: `bytes` is all of the request so far. After that head() is valid as long as
    /// `bytes` stay where they are, or keep_head() was called.
    [[nodiscard]] Fed feed_head(std::string_view bytes);
    /// After the head: takes body bytes off the front of `bytes`. More with nothing used: it needs
    /// more at once than there is.
    [[nodiscard]] Fed feed_body(std::string_view bytes);
    [[nodiscard]] BadRequest bad() const noexcept;

    [[nodiscard]] const RequestHead& head() const noexcept;
    void keep_head();

    /// Nothing more of the body is kept, only read over.
    void discard_body();
    /// How much of the body was read, kept or not.
    [[nodiscard]] std::uint64_t body_bytes() const noexcept;
    /// What of it is kept: valid until the next feed, or, where it lies in the fed bytes, as long
    /// as they stay.
    [[nodiscard]] std::string_view body() const noexcept;
    [[nodiscard]] std::string take_body();

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace graphhook::receiver
