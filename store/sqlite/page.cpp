#include "store/sqlite/page.hpp"

#include <bit>
#include <cstring>

namespace graphhook::store {
namespace {

static_assert(std::endian::native == std::endian::little, "pages are little-endian");

constexpr std::uint32_t kHasIdentity = 1;
constexpr std::uint32_t kRich = 2;

/// As it lies in `heads`, after the eight bytes of the checksum.
struct StoredHead {
    std::uint32_t stream;
    std::uint32_t flags;  // the low byte; above it `late`
    std::uint64_t order_key;
    std::byte identity[16];
    std::uint32_t offset;
    std::uint32_t size;
};
static_assert(sizeof(StoredHead) == 40);

constexpr std::size_t kChecksum = 8;
constexpr std::size_t kLengths = 8;     // of subscription id and resource, before each content
constexpr std::size_t kRichBytes = 12;  // proof and version, after the lengths of a rich one

template <class T>
void append_bytes(std::string& out, const T& value) {
    const std::size_t at = out.size();
    out.resize(at + sizeof value);
    std::memcpy(out.data() + at, &value, sizeof value);
}

std::uint64_t stored_checksum(std::string_view blob) {
    std::uint64_t sum = 0;
    std::memcpy(&sum, blob.data(), kChecksum);
    return sum;
}

void set_checksum(std::string& blob, std::int64_t page) {
    const std::uint64_t sum =
        checksum64(std::string_view(blob).substr(kChecksum), static_cast<std::uint64_t>(page));
    std::memcpy(blob.data(), &sum, kChecksum);
}

}  // namespace

std::uint64_t checksum64(std::string_view bytes, std::uint64_t seed) noexcept {
    constexpr std::uint64_t kOdd = 0x9E3779B97F4A7C15ULL;
    std::uint64_t sum = (seed ^ bytes.size()) * kOdd + 1;
    std::size_t at = 0;
    for (; at + 8 <= bytes.size(); at += 8) {
        std::uint64_t word = 0;
        std::memcpy(&word, bytes.data() + at, 8);
        sum = std::rotl(sum ^ word, 29) * kOdd;
    }
    std::uint64_t tail = 0;
    if (at < bytes.size()) std::memcpy(&tail, bytes.data() + at, bytes.size() - at);
    sum = std::rotl(sum ^ tail, 29) * kOdd;
    return sum ^ (sum >> 32);
}

bool PageWriter::takes(const Item& item) const noexcept {
    if (count_ == 0) return true;
    return count_ < kPageItems && data_.size() + kLengths + kRichBytes +
                                          item.subscription_id.size() + item.resource.size() +
                                          item.body.size() <=
                                      kPageBytes;
}

std::uint32_t PageWriter::add(
    const Item& item, std::uint32_t stream, std::chrono::microseconds late, std::int64_t proof
) {
    StoredHead head{};
    head.stream = stream;
    head.order_key = item.order_key;
    head.flags = static_cast<std::uint32_t>(late.count()) << 8;
    if (item.identity) {
        head.flags |= kHasIdentity;
        std::memcpy(head.identity, item.identity->data(), item.identity->size());
    }
    head.offset = static_cast<std::uint32_t>(data_.size());
    append_bytes(data_, static_cast<std::uint32_t>(item.subscription_id.size()));
    append_bytes(data_, static_cast<std::uint32_t>(item.resource.size()));
    if (proof != 0) {
        head.flags |= kRich;
        append_bytes(data_, proof);
        const std::size_t before = versions_.size() / sizeof(Key128);
        append_bytes(data_, static_cast<std::uint32_t>(item.version ? before + 1 : 0));
    }
    data_ += item.subscription_id;
    data_ += item.resource;
    data_ += item.body;
    head.size = static_cast<std::uint32_t>(data_.size()) - head.offset;
    append_bytes(heads_, head);
    if (item.version) append_bytes(versions_, *item.version);
    return count_++;
}

void PageWriter::seal(std::int64_t page) {
    heads_ += versions_;
    set_checksum(heads_, page);
    set_checksum(data_, page);
}

bool heads_sound(std::string_view heads, std::int64_t page, std::uint32_t count) {
    const std::size_t size = kChecksum + count * sizeof(StoredHead);
    return heads.size() >= size && (heads.size() - size) % sizeof(Key128) == 0 &&
           stored_checksum(heads) ==
               checksum64(heads.substr(kChecksum), static_cast<std::uint64_t>(page));
}

bool data_sound(std::string_view data, std::int64_t page) {
    return data.size() >= kChecksum &&
           stored_checksum(data) ==
               checksum64(data.substr(kChecksum), static_cast<std::uint64_t>(page));
}

Head read_head(std::string_view heads, std::uint32_t index) {
    StoredHead stored{};
    std::memcpy(&stored, heads.data() + kChecksum + index * sizeof stored, sizeof stored);
    Head head;
    head.stream = stored.stream;
    head.order_key = stored.order_key;
    if ((stored.flags & kHasIdentity) != 0) {
        std::memcpy(head.identity.emplace().data(), stored.identity, sizeof stored.identity);
    }
    head.offset = stored.offset;
    head.size = stored.size;
    head.late = std::chrono::microseconds(stored.flags >> 8);
    head.rich = (stored.flags & kRich) != 0;
    return head;
}

std::vector<Key128> read_versions(std::string_view heads, std::uint32_t count) {
    const std::string_view bytes = heads.substr(kChecksum + count * sizeof(StoredHead));
    std::vector<Key128> versions(bytes.size() / sizeof(Key128));
    if (!versions.empty())
        std::memcpy(versions.data(), bytes.data(), versions.size() * sizeof(Key128));
    return versions;
}

std::optional<Content> read_content(std::string_view data, const Head& head) {
    if (head.size < kLengths || head.offset > data.size() || head.size > data.size() - head.offset)
        return {};
    std::string_view rest = data.substr(head.offset, head.size);
    std::uint32_t id_size = 0;
    std::uint32_t resource_size = 0;
    std::memcpy(&id_size, rest.data(), 4);
    std::memcpy(&resource_size, rest.data() + 4, 4);
    rest.remove_prefix(kLengths);
    Content content;
    if (head.rich) {
        if (rest.size() < kRichBytes) return {};
        std::memcpy(&content.proof, rest.data(), sizeof content.proof);
        std::memcpy(&content.version, rest.data() + sizeof content.proof, sizeof content.version);
        rest.remove_prefix(kRichBytes);
        if (content.proof <= 0) return {};
    }
    if (id_size > rest.size() || resource_size > rest.size() - id_size) return {};
    content.subscription_id = rest.substr(0, id_size);
    content.resource = rest.substr(id_size, resource_size);
    content.body = rest.substr(id_size + resource_size);
    return content;
}

void put_varint(std::string& out, std::uint64_t value) {
    while (value >= 0x80) {
        out.push_back(static_cast<char>(value | 0x80));
        value >>= 7;
    }
    out.push_back(static_cast<char>(value));
}

std::optional<std::uint64_t> take_varint(std::string_view& in) {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && !in.empty(); shift += 7) {
        const auto byte = static_cast<std::uint8_t>(in.front());
        in.remove_prefix(1);
        value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
        if ((byte & 0x80) == 0) return value;
    }
    return {};
}

}  // namespace graphhook::store
