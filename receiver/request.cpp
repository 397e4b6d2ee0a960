#include "receiver/request.hpp"

#include "core/text.hpp"

#include <boost/beast/http/basic_parser.hpp>

#include <cstring>

namespace graphhook::receiver {
namespace {

namespace beast = boost::beast;
namespace http = boost::beast::http;

constexpr std::size_t kKeptBodyBytes = 64u << 10;

/// Lines end with CR LF and nothing else, none continues the one before, nothing is NUL. Beast
/// would read some of these in its own way, a proxy in front of us in another.
bool has_plain_lines(std::string_view head) noexcept {
    if (std::memchr(head.data(), 0, head.size()) != nullptr) return false;
    std::size_t returns = 0;
    std::size_t feeds = 0;
    for (auto at = head.find('\n'); at != std::string_view::npos; at = head.find('\n', at + 1)) {
        ++feeds;
        if (at == 0 || head[at - 1] != '\r') return false;
        if (at + 1 < head.size() && (head[at + 1] == ' ' || head[at + 1] == '\t')) return false;
    }
    for (auto at = head.find('\r'); at != std::string_view::npos; at = head.find('\r', at + 1))
        ++returns;
    return returns == feeds;
}

Method method_of(http::verb verb) noexcept {
    switch (verb) {
        case http::verb::get:
            return Method::Get;
        case http::verb::head:
            return Method::Head;
        case http::verb::post:
            return Method::Post;
        case http::verb::put:
            return Method::Put;
        case http::verb::patch:
            return Method::Patch;
        case http::verb::delete_:
            return Method::Delete;
        default:
            return Method::Other;
    }
}

/// Does a comma-separated list name `word`?
bool lists(std::string_view list, std::string_view word) noexcept {
    while (!list.empty()) {
        const auto comma = list.find(',');
        if (same_letters(trimmed(list.substr(0, comma)), word)) return true;
        list.remove_prefix(comma == std::string_view::npos ? list.size() : comma + 1);
    }
    return false;
}

}  // namespace

std::string_view to_string(Method method) noexcept {
    switch (method) {
        case Method::Get:
            return "GET";
        case Method::Head:
            return "HEAD";
        case Method::Post:
            return "POST";
        case Method::Put:
            return "PUT";
        case Method::Patch:
            return "PATCH";
        case Method::Delete:
            return "DELETE";
        case Method::Other:
            break;
    }
    return "other";
}

std::string_view to_string(BadRequest bad) noexcept {
    switch (bad) {
        case BadRequest::None:
            return "none";
        case BadRequest::Malformed:
            return "malformed";
        case BadRequest::TransferEncoding:
            return "transfer_encoding";
        case BadRequest::ContentLength:
            return "content_length";
        case BadRequest::Host:
            return "host";
        case BadRequest::Target:
            return "target";
        case BadRequest::HeaderTooLarge:
            return "header_too_large";
    }
    return "malformed";
}

std::string_view RequestHead::path() const noexcept {
    auto path = target();
    if (!path.starts_with('/')) {
        const auto authority = path.find("://");
        if (authority == std::string_view::npos) return {};
        const auto slash = path.find_first_of("/?", authority + 3);
        path = slash == std::string_view::npos ? std::string_view("/") : path.substr(slash);
    }
    return path.substr(0, path.find('?'));
}

std::string_view RequestHead::query() const noexcept {
    const auto whole = target();
    const auto at = whole.find('?');
    return at == std::string_view::npos ? std::string_view() : whole.substr(at + 1);
}

struct RequestParser::Impl final {
    /// Beast's parser serves one message; a new one is made in the same place for each.
    class Beast final : public http::basic_parser<true> {
      public:
        explicit Beast(Impl& to) : to_(to) {}

      private:
        using error_code = beast::error_code;
        using view = beast::string_view;

        void refuse(BadRequest why, error_code& ec) {
            to_.bad = why;
            ec = http::error::bad_value;
        }
        void on_request_impl(http::verb verb, view, view target, int version, error_code& ec)
            override {
            to_.head.method = method_of(verb);
            to_.head.http_1_0 = version == 10;
            to_.head.target_ = part(target);
            const std::string_view text(target.data(), target.size());
            if (!text.starts_with('/') && !same_letters(text.substr(0, 7), "http://") &&
                !same_letters(text.substr(0, 8), "https://") && text != "*")
                refuse(BadRequest::Target, ec);
        }
        void on_response_impl(int, view, int, error_code&) override {}
        void on_field_impl(http::field field, view, view value, error_code& ec) override;
        void on_header_impl(error_code& ec) override;
        void on_body_init_impl(const boost::optional<std::uint64_t>&, error_code&) override {}
        std::size_t on_body_impl(view body, error_code&) override {
            to_.add_body({body.data(), body.size()});
            return body.size();
        }
        void on_chunk_header_impl(std::uint64_t, view, error_code&) override {}
        std::size_t on_chunk_body_impl(std::uint64_t, view body, error_code&) override {
            to_.add_body({body.data(), body.size()});
            return body.size();
        }
        void on_finish_impl(error_code&) override {}

        [[nodiscard]] RequestHead::Part part(view text) const noexcept {
            return {
                static_cast<std::uint32_t>(text.data() - to_.head_begin),
                static_cast<std::uint32_t>(text.size())
            };
        }

        Impl& to_;
    };

    void add_body(std::string_view bytes) {
        body_bytes += bytes.size();
        if (discarding) return;
        if (own_body.empty() && bytes.size() == head.content_length) {
            body_view = bytes;
        } else {
            own_body.append(bytes);
            body_view = own_body;
        }
    }

    [[nodiscard]] Fed fed(beast::error_code ec, std::size_t used, bool done) {
        if (ec == http::error::need_more) return {Step::More, used};
        if (!ec) return {done ? Step::Done : Step::More, used};
        if (bad == BadRequest::None) {
            if (ec == http::error::header_limit) {
                bad = BadRequest::HeaderTooLarge;
            } else if (ec == http::error::bad_content_length ||
                       ec == http::error::multiple_content_length) {
                bad = BadRequest::ContentLength;
            } else if (ec == http::error::bad_transfer_encoding) {
                bad = BadRequest::TransferEncoding;
            } else {
                bad = BadRequest::Malformed;
            }
        }
        return {Step::Bad, used};
    }

    std::optional<Beast> parser;
    RequestHead head;
    const char* head_begin = nullptr;
    std::size_t head_size = 0;
    bool head_done = false;
    std::uint32_t content_lengths = 0, transfer_encodings = 0, hosts = 0, authorizations = 0;
    BadRequest bad = BadRequest::None;
    bool discarding = false;
    std::uint64_t body_bytes = 0;
    std::string own_body;
    std::string_view body_view;
};

void RequestParser::Impl::Beast::on_field_impl(
    http::field field, view name, view value, error_code& ec
) {
    if (to_.head_done) return;  // a trailer changes nothing
    auto& to = to_.head;
    const std::string_view text(value.data(), value.size());
    switch (field) {
        case http::field::content_length:
            if (++to_.content_lengths > 1 || text.find_first_not_of("0123456789") != text.npos)
                refuse(BadRequest::ContentLength, ec);
            break;
        case http::field::transfer_encoding:
            if (++to_.transfer_encodings > 1 || !same_letters(text, "chunked"))
                refuse(BadRequest::TransferEncoding, ec);
            break;
        case http::field::host:
            to.host_ = part(value);
            ++to_.hosts;
            break;
        case http::field::connection:
            if (lists(text, "close")) to.close = true;
            break;
        case http::field::expect:
            if (same_letters(text, "100-continue")) to.expects_continue = true;
            break;
        case http::field::content_type:
            to.content_type_ = part(value);
            break;
        case http::field::content_encoding:
            to.content_encoding_ = part(value);
            break;
        case http::field::authorization:
            to.authorization_ = ++to_.authorizations == 1 ? part(value) : RequestHead::Part();
            break;
        case http::field::unknown:
            if (same_letters({name.data(), name.size()}, "x-forwarded-for"))
                to.forwarded_for_ = part(value);
            break;
        default:
            break;
    }
}

void RequestParser::Impl::Beast::on_header_impl(error_code& ec) {
    auto& to = to_.head;
    if (to_.transfer_encodings > 0 && to_.content_lengths > 0)
        return refuse(BadRequest::ContentLength, ec);
    if (to_.transfer_encodings > 0 && to.http_1_0) return refuse(BadRequest::TransferEncoding, ec);
    if (to_.hosts > 1 || (to_.hosts == 0 && !to.http_1_0)) return refuse(BadRequest::Host, ec);
    to.chunked = to_.transfer_encodings > 0;
    if (const auto length = content_length()) to.content_length = *length;
    if (to.http_1_0) to.close = true;
}

RequestParser::RequestParser() : impl_(std::make_unique<Impl>()) {
}
RequestParser::~RequestParser() = default;

void RequestParser::start(std::uint64_t header_limit) {
    auto& impl = *impl_;
    impl.parser.emplace(impl);
    impl.parser->header_limit(static_cast<std::uint32_t>(
        std::min<std::uint64_t>(header_limit, std::numeric_limits<std::uint32_t>::max())
    ));
    impl.parser->body_limit(boost::none);
    impl.head = RequestHead();
    impl.head_size = 0;
    impl.head_done = impl.discarding = false;
    impl.content_lengths = impl.transfer_encodings = impl.hosts = impl.authorizations = 0;
    impl.bad = BadRequest::None;
    impl.body_bytes = 0;
    impl.own_body.clear();
    if (impl.own_body.capacity() > kKeptBodyBytes) impl.own_body.shrink_to_fit();
    impl.body_view = {};
}

RequestParser::Fed RequestParser::feed_head(std::string_view bytes) {
    auto& impl = *impl_;
    impl.head_begin = bytes.data();
    beast::error_code ec;
    const auto used = impl.parser->put(boost::asio::buffer(bytes), ec);
    const auto fed = impl.fed(ec, used, impl.parser->is_header_done());
    if (fed.step != Step::Done) return fed;
    if (!has_plain_lines(bytes.substr(0, used))) {
        impl.bad = BadRequest::Malformed;
        return {Step::Bad, used};
    }
    impl.head.base_ = bytes.data();
    impl.head_size = used;
    impl.head_done = true;
    impl.parser->eager(true);
    return fed;
}

RequestParser::Fed RequestParser::feed_body(std::string_view bytes) {
    auto& impl = *impl_;
    if (impl.parser->is_done()) return {Step::Done, 0};
    beast::error_code ec;
    const auto used = impl.parser->put(boost::asio::buffer(bytes), ec);
    return impl.fed(ec, used, impl.parser->is_done());
}

BadRequest RequestParser::bad() const noexcept {
    return impl_->bad;
}

const RequestHead& RequestParser::head() const noexcept {
    return impl_->head;
}

void RequestParser::keep_head() {
    auto& head = impl_->head;
    if (!impl_->head_done || head.base_ == head.own_.data()) return;
    head.own_.assign(head.base_, impl_->head_size);
    head.base_ = head.own_.data();
}

void RequestParser::discard_body() {
    impl_->discarding = true;
    impl_->body_view = {};
    impl_->own_body.clear();
}

std::uint64_t RequestParser::body_bytes() const noexcept {
    return impl_->body_bytes;
}

std::string_view RequestParser::body() const noexcept {
    return impl_->body_view;
}

std::string RequestParser::take_body() {
    if (impl_->body_view.data() != impl_->own_body.data()) return std::string(impl_->body_view);
    impl_->body_view = {};
    return std::move(impl_->own_body);
}

}  // namespace graphhook::receiver
