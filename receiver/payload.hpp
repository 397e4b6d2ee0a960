#pragma once

#include "core/digest.hpp"

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace graphhook::receiver {

/// One element of `value[]`, as far as intake looks at it. Texts are decoded; one that is absent,
/// null or of the wrong type is empty. The client state is here only as its SHA-256.
struct PayloadItem {
    bool is_object = false;
    /// subscriptionId or clientState stands there twice: which one counts would be a guess.
    bool ambiguous = false;
    bool has_state = false;
    /// resourceData is absent, null or holds only @odata.type, and there is no other content.
    bool says_nothing = true;
    /// `encryptedContent` is there and not null, whatever it is.
    bool rich = false;
    Sha256 state_hash{};
    /// Of a rich item: over its `encryptedContent` as it stands in `body`; where it stands there
    /// twice, over both and what is between them.
    Sha256 content_hash{};
    std::string subscription_id, id, change, lifecycle_event, resource, tenant_id, organization_id,
        expires_at;
    /// Of resourceData. A sequence number is kept digit for digit.
    std::string data_id, etag, sequence, event_time;
    /// The item as JSON, members in their order, numbers as they were written, without its
    /// clientState.
    std::string body;
    /// Members of the item that intake does not know, as JSON: part of what makes items equal.
    std::string others;

    void clear();
};

/// Stands for `validationTokens` that are there twice: which of them counts would be a guess. No
/// array, so that it can never be judged genuine, and not null, so that nothing waits for it.
inline constexpr std::string_view kTokensTwice = R"({"validationTokens":"twice"})";

enum class PayloadFault : std::uint8_t {
    None,
    NotJson,     ///< Also: not UTF-8, or nested deeper than the limit.
    WrongShape,  ///< JSON, but not an object with an array `value`.
    TooManyItems,
};

/// Reads the body of a POST in one pass: checks it, takes out what intake decides on, and writes
/// each item again without its client state. Property names of the envelope, of an item and of its
/// resourceData are matched in any case of letters.
///
/// `validationTokens` of the envelope are kept as they are, to be judged later and elsewhere:
/// whatever they are, they cost no item its place.
///
/// Keeps its memory from one body to the next. Threads: one.
class PayloadParser {
  public:
    PayloadParser(std::size_t most_items, std::uint32_t most_depth);
    ~PayloadParser();
    PayloadParser(PayloadParser&&) noexcept;

    [[nodiscard]] PayloadFault parse(std::string_view body);
    /// The items of the last body (all of them, if it was parsed without a fault), until the next
    /// call; may be moved from.
    [[nodiscard]] std::span<PayloadItem> items() noexcept;
    /// The value of `validationTokens` of the last body as JSON, written anew without white space,
    /// numbers as they were; empty: it is absent. kTokensTwice where it stands there twice.
    [[nodiscard]] std::string take_tokens() noexcept;

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace graphhook::receiver
