#include "receiver/payload.hpp"

#include "core/text.hpp"

#include <boost/json/basic_parser_impl.hpp>
#include <openssl/crypto.h>

#include <array>
#include <utility>
#include <vector>

namespace graphhook::receiver {
namespace {

namespace json = boost::json;

/// Characters that JSON wants escaped in a string.
constexpr std::array<bool, 256> kEscaped = [] {
    std::array<bool, 256> table{};
    for (std::size_t i = 0; i < 0x20; ++i) table[i] = true;
    table['"'] = table['\\'] = true;
    return table;
}();

void append_escaped(std::string& out, std::string_view text) {
    constexpr std::string_view kHex = "0123456789abcdef";
    std::size_t begin = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto byte = static_cast<unsigned char>(text[i]);
        if (!kEscaped[byte]) continue;
        out.append(text, begin, i - begin);
        begin = i + 1;
        out += '\\';
        switch (byte) {
            case '"':
                out += '"';
                break;
            case '\\':
                out += '\\';
                break;
            case '\n':
                out += 'n';
                break;
            case '\r':
                out += 'r';
                break;
            case '\t':
                out += 't';
                break;
            default:
                out += "u00";
                out += kHex[byte >> 4];
                out += kHex[byte & 15];
        }
    }
    out.append(text, begin, text.size() - begin);
}

/// What a member of an item means to intake.
enum class Member : std::uint8_t {
    Other,
    SubscriptionId,
    Id,
    ChangeType,
    LifecycleEvent,
    Resource,
    TenantId,
    OrganizationId,
    Expires,
    ClientState,
    ResourceData,
    EncryptedContent,
    StorageId,
    DataType,
    DataId,
    DataEtag,
    DataSequence,
    DataEventTime,
};

struct NamedMember {
    std::string_view name;
    Member member;
};

constexpr std::array kItemMembers = {
    NamedMember{"id", Member::Id},
    NamedMember{"subscriptionId", Member::SubscriptionId},
    NamedMember{"clientState", Member::ClientState},
    NamedMember{"changeType", Member::ChangeType},
    NamedMember{"resource", Member::Resource},
    NamedMember{"resourceData", Member::ResourceData},
    NamedMember{"tenantId", Member::TenantId},
    NamedMember{"subscriptionExpirationDateTime", Member::Expires},
    NamedMember{"lifecycleEvent", Member::LifecycleEvent},
    NamedMember{"organizationId", Member::OrganizationId},
    NamedMember{"encryptedContent", Member::EncryptedContent},
    NamedMember{"additionalPayloadStorageId", Member::StorageId},
};
constexpr std::array kDataMembers = {
    NamedMember{"@odata.type", Member::DataType},
    NamedMember{"id", Member::DataId},
    NamedMember{"@odata.etag", Member::DataEtag},
    NamedMember{"eventTime", Member::DataEventTime},
    NamedMember{"sequenceNumber", Member::DataSequence},
};

template <std::size_t N>
Member member_of(const std::array<NamedMember, N>& members, std::string_view key) noexcept {
    for (const auto& [name, member] : members) {
        if (same_letters(name, key)) return member;
    }
    return Member::Other;
}

/// Levels of nesting, counted in objects and arrays that are open.
constexpr std::uint32_t kInRoot = 1;
constexpr std::uint32_t kInValue = 2;
constexpr std::uint32_t kInItem = 3;
constexpr std::uint32_t kInMember = 4;

/// Memory kept from one body to the next.
constexpr std::size_t kKeptItems = 64;
constexpr std::size_t kKeptBytes = 16u << 10;

/// Takes Boost.JSON's events. Inside an item each is written out again at once.
class Handler {
  public:
    static constexpr std::size_t max_object_size = std::size_t(-1);
    static constexpr std::size_t max_array_size = std::size_t(-1);
    static constexpr std::size_t max_key_size = std::size_t(-1);
    static constexpr std::size_t max_string_size = std::size_t(-1);
    using error_code = boost::system::error_code;
    using view = json::string_view;

    explicit Handler(std::size_t most_items) : most_items_(most_items) {}

    void start() {
        if (items_.size() > kKeptItems) items_.resize(kKeptItems);
        used_ = 0;
        depth_ = 0;
        leave_item();
        tokens_named_ = false;
        tokens_.clear();
        in_value_key_ = in_value_ = seen_value_ = quiet_ = false;
        fault_ = PayloadFault::None;
        text_.clear();
    }
    [[nodiscard]] PayloadFault fault() const noexcept { return fault_; }
    [[nodiscard]] bool seen_value() const noexcept { return seen_value_; }
    [[nodiscard]] std::span<PayloadItem> items() noexcept { return {items_.data(), used_}; }
    [[nodiscard]] std::string take_tokens() noexcept { return std::exchange(tokens_, {}); }

    bool on_document_begin(error_code&) { return true; }
    bool on_document_end(error_code&) { return true; }

    bool on_object_begin(error_code& ec) {
        if (depth_ == 0) {
            depth_ = kInRoot;
            return true;
        }
        return begin_value('{', ec);
    }
    bool on_object_end(std::size_t, error_code&) {
        close('}');
        return true;
    }
    bool on_array_begin(error_code& ec) {
        if (depth_ == 0) return stop(PayloadFault::WrongShape, ec);
        if (depth_ == kInRoot && in_value_key_) {
            if (seen_value_) return stop(PayloadFault::WrongShape, ec);
            seen_value_ = in_value_ = true;
            depth_ = kInValue;
            return true;
        }
        return begin_value('[', ec);
    }
    bool on_array_end(std::size_t, error_code&) {
        close(']');
        return true;
    }

    bool on_key_part(view part, std::size_t, error_code&) {
        text_.append(part.data(), part.size());
        return true;
    }
    bool on_key(view last, std::size_t, error_code&) {
        with_text(last, [this](std::string_view key) { take_key(key); });
        return true;
    }
    bool on_string_part(view part, std::size_t, error_code&) {
        text_.append(part.data(), part.size());
        return true;
    }
    bool on_string(view last, std::size_t, error_code& ec) {
        if (!scalar_allowed(ec)) return false;
        with_text(last, [this](std::string_view text) { take_string(text); });
        return true;
    }
    bool on_number_part(view part, error_code&) {
        text_.append(part.data(), part.size());
        return true;
    }
    bool on_int64(std::int64_t, view last, error_code& ec) { return number(last, ec); }
    bool on_uint64(std::uint64_t, view last, error_code& ec) { return number(last, ec); }
    bool on_double(double, view last, error_code& ec) { return number(last, ec); }
    bool on_bool(bool value, error_code& ec) { return literal(value ? "true" : "false", ec); }
    bool on_null(error_code& ec) { return literal("null", ec); }
    bool on_comment_part(view, error_code&) { return true; }
    bool on_comment(view, error_code&) { return true; }

  private:
    bool stop(PayloadFault fault, error_code& ec) {
        fault_ = fault;
        ec = json::error::syntax;
        return false;
    }

    /// Calls `take` with the whole of a text that may have come in parts.
    template <class Take>
    void with_text(view last, Take take) {
        if (text_.empty()) return take(std::string_view(last.data(), last.size()));
        text_.append(last.data(), last.size());
        take(std::string_view(text_));
        OPENSSL_cleanse(text_.data(), text_.size());
        text_.clear();
    }

    [[nodiscard]] bool at_item() const noexcept { return in_value_ && depth_ == kInValue; }
    [[nodiscard]] bool writing() const noexcept { return out_ != nullptr && !dropping_; }

    void comma() {
        if (comma_) *out_ += ',';
    }

    /// Nothing more of it is read.
    void leave_item() {
        item_ = nullptr;
        out_ = nullptr;
        dropping_ = false;
    }

    bool new_item(error_code& ec) {
        if (used_ == most_items_) return stop(PayloadFault::TooManyItems, ec);
        if (used_ == items_.size()) items_.emplace_back();
        item_ = &items_[used_++];
        item_->clear();
        out_ = &item_->body;
        content_begin_ = content_end_ = 0;
        id_named_ = state_named_ = in_data_ = dropping_ = comma_ = false;
        return true;
    }

    /// A value that is neither object nor array: fine anywhere but in place of the root or of
    /// value[].
    bool scalar_allowed(error_code& ec) {
        if (depth_ == 0 || (depth_ == kInRoot && in_value_key_))
            return stop(PayloadFault::WrongShape, ec);
        if (at_item()) {
            if (!new_item(ec)) return false;
            leave_item();
            quiet_ = true;
        }
        return true;
    }

    /// An object or array below the root opens.
    bool begin_value(char bracket, error_code& ec) {
        if (depth_ == kInRoot && in_value_key_) return stop(PayloadFault::WrongShape, ec);
        if (at_item()) {
            if (!new_item(ec)) return false;
            if (bracket == '{') {
                item_->is_object = true;
                item_->body += '{';
            } else {
                leave_item();
            }
        } else if (writing()) {
            if (item_ != nullptr && depth_ == kInItem) open_member(bracket);
            comma();
            begin_content();
            *out_ += bracket;
            comma_ = false;
        }
        ++depth_;
        return true;
    }

    /// A member of the item is an object or an array.
    void open_member(char bracket) {
        if (member_ == Member::ResourceData && bracket == '{') in_data_ = true;
        if (member_ == Member::ResourceData && bracket == '[') item_->says_nothing = false;
        if (member_ == Member::EncryptedContent || member_ == Member::StorageId)
            item_->says_nothing = false;
    }

    void close(char bracket) {
        --depth_;
        if (depth_ == 0) return;
        if (depth_ == kInRoot) in_value_ = false;
        if (writing()) {
            *out_ += bracket;
            comma_ = true;
        }
        if (item_ == nullptr) return;
        if (depth_ == kInValue) {
            if (item_->rich)
                item_->content_hash =
                    sha256(std::string_view(item_->body)
                               .substr(content_begin_, content_end_ - content_begin_));
            leave_item();
        } else if (depth_ == kInItem) {
            in_data_ = false;
            end_member();
        }
    }

    void take_key(std::string_view key) {
        if (depth_ == kInRoot) {
            in_value_key_ = same_letters(key, "value");
            out_ = nullptr;
            if (!in_value_key_ && same_letters(key, "validationTokens")) begin_tokens();
            return;
        }
        if (item_ != nullptr && depth_ == kInItem) {
            member_ = member_of(kItemMembers, key);
            dropping_ = member_ == Member::ClientState;
            if (dropping_ && std::exchange(state_named_, true)) item_->ambiguous = true;
            if (member_ == Member::SubscriptionId && std::exchange(id_named_, true))
                item_->ambiguous = true;
            member_begin_ = item_->body.size();
        } else if (item_ != nullptr && depth_ == kInMember && in_data_) {
            data_member_ = member_of(kDataMembers, key);
            if (data_member_ != Member::DataType) item_->says_nothing = false;
        }
        if (!writing()) return;
        comma();
        *out_ += '"';
        append_escaped(*out_, key);
        *out_ += "\":";
        comma_ = false;
    }

    void begin_tokens() {
        if (std::exchange(tokens_named_, true)) {
            tokens_.assign(kTokensTwice);
            return;
        }
        out_ = &tokens_;
        comma_ = false;
    }

    /// A value is about to be written; is it the item's encrypted content?
    void begin_content() {
        if (item_ == nullptr || depth_ != kInItem || member_ != Member::EncryptedContent) return;
        if (std::exchange(item_->rich, true)) return;
        content_begin_ = item_->body.size();
    }

    /// Where the text of the member that is being read goes; nullptr: nowhere.
    std::string* slot() noexcept {
        if (depth_ == kInItem) {
            switch (member_) {
                case Member::SubscriptionId:
                    return &item_->subscription_id;
                case Member::Id:
                    return &item_->id;
                case Member::ChangeType:
                    return &item_->change;
                case Member::LifecycleEvent:
                    return &item_->lifecycle_event;
                case Member::Resource:
                    return &item_->resource;
                case Member::TenantId:
                    return &item_->tenant_id;
                case Member::OrganizationId:
                    return &item_->organization_id;
                case Member::Expires:
                    return &item_->expires_at;
                default:
                    return nullptr;
            }
        }
        if (depth_ == kInMember && in_data_) {
            switch (data_member_) {
                case Member::DataId:
                    return &item_->data_id;
                case Member::DataEtag:
                    return &item_->etag;
                case Member::DataSequence:
                    return &item_->sequence;
                case Member::DataEventTime:
                    return &item_->event_time;
                default:
                    return nullptr;
            }
        }
        return nullptr;
    }

    void take_string(std::string_view text) {
        if (std::exchange(quiet_, false)) return;
        if (item_ != nullptr) {
            if (depth_ == kInItem && member_ == Member::ClientState) {
                item_->state_hash = sha256(text);
                item_->has_state = true;
            }
            if (std::string* const to = slot()) to->assign(text);
            if (depth_ == kInItem &&
                (member_ == Member::ResourceData || member_ == Member::EncryptedContent ||
                 member_ == Member::StorageId))
                item_->says_nothing = false;
        }
        if (writing()) {
            comma();
            begin_content();
            *out_ += '"';
            append_escaped(*out_, text);
            *out_ += '"';
            comma_ = true;
        }
        if (item_ != nullptr && depth_ == kInItem) end_member();
    }

    bool number(view last, error_code& ec) {
        if (!scalar_allowed(ec)) return false;
        with_text(last, [this](std::string_view text) {
            if (std::exchange(quiet_, false)) return;
            if (item_ != nullptr && depth_ == kInMember && in_data_ &&
                data_member_ == Member::DataSequence)
                item_->sequence.assign(text);
            plain(text);
        });
        return true;
    }

    bool literal(std::string_view text, error_code& ec) {
        if (!scalar_allowed(ec)) return false;
        if (std::exchange(quiet_, false)) return true;
        plain(text);
        return true;
    }

    void plain(std::string_view text) {
        if (writing()) {
            comma();
            if (text != "null") begin_content();
            *out_ += text;
            comma_ = true;
        }
        if (item_ != nullptr && depth_ == kInItem) {
            if (text != "null" &&
                (member_ == Member::ResourceData || member_ == Member::EncryptedContent))
                item_->says_nothing = false;
            end_member();
        }
    }

    /// The value of a member of the item is complete.
    void end_member() {
        if (member_ == Member::Other) item_->others.append(item_->body, member_begin_);
        if (member_ == Member::EncryptedContent) content_end_ = item_->body.size();
        dropping_ = false;
    }

    const std::size_t most_items_;
    std::vector<PayloadItem> items_;
    std::size_t used_ = 0;
    PayloadItem* item_ = nullptr;  ///< The one being read.
    std::string* out_ = nullptr;   ///< What is read is written there: the item's body or tokens_.
    std::string tokens_;
    bool tokens_named_ = false;
    std::uint32_t depth_ = 0;
    bool in_value_key_ = false;  ///< The root's member being read is `value`.
    bool in_value_ = false;
    bool seen_value_ = false;
    bool in_data_ = false;   ///< Inside the item's resourceData.
    bool dropping_ = false;  ///< Inside its clientState: nothing is written.
    bool comma_ = false;     ///< A value was written; the next needs a comma.
    bool quiet_ = false;     ///< The scalar at hand stands in place of an item.
    bool id_named_ = false, state_named_ = false;  ///< The item at hand has had this member.
    std::size_t member_begin_ = 0;
    std::size_t content_begin_ = 0, content_end_ = 0;  ///< The encrypted content in its body.
    Member member_ = Member::Other;
    Member data_member_ = Member::Other;
    PayloadFault fault_ = PayloadFault::None;
    std::string text_;
};

json::parse_options options_for(std::uint32_t depth) {
    json::parse_options options;
    options.max_depth = depth;
    return options;
}

}  // namespace

void PayloadItem::clear() {
    is_object = ambiguous = has_state = rich = false;
    says_nothing = true;
    for (std::string* const text :
         {&subscription_id, &id, &change, &lifecycle_event, &resource, &tenant_id, &organization_id,
          &expires_at, &data_id, &etag, &sequence, &event_time, &body, &others}) {
        text->clear();
        if (text->capacity() > kKeptBytes) text->shrink_to_fit();
    }
}

struct PayloadParser::Impl {
    Impl(std::size_t most_items, std::uint32_t most_depth)
        : parser(options_for(most_depth), most_items) {}
    json::basic_parser<Handler> parser;
};

PayloadParser::PayloadParser(std::size_t most_items, std::uint32_t most_depth)
    : impl_(std::make_unique<Impl>(most_items, most_depth)) {
}
PayloadParser::~PayloadParser() = default;
PayloadParser::PayloadParser(PayloadParser&&) noexcept = default;

PayloadFault PayloadParser::parse(std::string_view body) {
    if (body.starts_with("\xef\xbb\xbf")) body.remove_prefix(3);  // a byte order mark says nothing
    auto& parser = impl_->parser;
    auto& handler = parser.handler();
    parser.reset();
    handler.start();
    boost::system::error_code ec;
    const auto used = parser.write_some(false, body.data(), body.size(), ec);
    if (handler.fault() != PayloadFault::None) return handler.fault();
    if (ec || !parser.done()) return PayloadFault::NotJson;
    if (body.find_first_not_of(" \t\r\n", used) != std::string_view::npos)
        return PayloadFault::NotJson;
    return handler.seen_value() ? PayloadFault::None : PayloadFault::WrongShape;
}

std::span<PayloadItem> PayloadParser::items() noexcept {
    return impl_->parser.handler().items();
}

std::string PayloadParser::take_tokens() noexcept {
    return impl_->parser.handler().take_tokens();
}

}  // namespace graphhook::receiver
