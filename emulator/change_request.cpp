#include "core/time_text.hpp"
#include "emulator/changes.hpp"

#include <fmt/format.h>

namespace graphhook::emulator {
namespace {

constexpr std::uint64_t kMostChanges = 100'000'000;

Result<std::string> text(const boost::json::object& json, std::string_view name) {
    const auto* value = json.if_contains(name);
    if (value == nullptr || value->is_null()) return std::string{};
    if (!value->is_string()) return fail(Errc::BadInput, fmt::format("{} must be text", name));
    return std::string(value->as_string());
}

Result<bool> flag(const boost::json::object& json, std::string_view name) {
    const auto* value = json.if_contains(name);
    if (value == nullptr || value->is_null()) return false;
    if (!value->is_bool())
        return fail(Errc::BadInput, fmt::format("{} must be true or false", name));
    return value->as_bool();
}

Result<std::uint64_t> whole(
    const boost::json::object& json, std::string_view name, std::uint64_t otherwise
) {
    const auto* value = json.if_contains(name);
    if (value == nullptr) return otherwise;
    boost::system::error_code error;
    const auto number = value->to_number<std::uint64_t>(error);
    if (error || number > kMostChanges) {
        return fail(
            Errc::BadInput, fmt::format("{} must be a whole number up to {}", name, kMostChanges)
        );
    }
    return number;
}

Result<void> read_texts(const boost::json::object& json, ChangeRequest& request) {
    const std::pair<std::string_view, std::string*> texts[] = {
        {"kind", &request.kind},
        {"resource", &request.resource},
        {"subscription", &request.subscription},
        {"tenant", &request.tenant},
        {"object", &request.object},
        {"to", &request.move_to},
    };
    for (const auto& [name, into] : texts) {
        auto read = text(json, name);
        if (!read) return read.error();
        *into = std::move(*read);
    }
    const std::pair<std::string_view, bool*> flags[] = {
        {"existing", &request.existing},
        {"silent", &request.silent},
        {"soft", &request.detail.soft},
    };
    for (const auto& [name, into] : flags) {
        const auto read = flag(json, name);
        if (!read) return read.error();
        *into = *read;
    }
    const auto start = text(json, "start");
    if (!start) return start.error();
    if (!start->empty()) {
        const auto time = parse_time(*start);
        if (!time) return fail(Errc::BadInput, "start must be a time, as 2026-11-21T08:00:00Z");
        request.detail.start = *time;
    }
    return {};
}

Result<void> read_type(const boost::json::object& json, ChangeRequest& request) {
    const auto type = text(json, "change");
    if (!type) return type.error();
    const bool move = *type == "moved";
    if (move == request.move_to.empty()) {
        return fail(
            Errc::BadInput, "change must be created, updated, deleted, or moved with a folder to"
        );
    }
    if (move || type->empty()) return {};
    const auto known = parse_change_type(*type);
    if (!known) return fail(Errc::BadInput, "change must be created, updated, deleted or moved");
    request.type = *known;
    return {};
}

Result<void> read_forgery(const boost::json::object& json, ChangeRequest& request) {
    const auto name = text(json, "forge");
    const auto every = whole(json, "forgeEvery", 1);
    const auto beside = flag(json, "besideGood");
    if (!name) return name.error();
    if (!every) return every.error();
    if (!beside) return beside.error();
    if (*every == 0) return fail(Errc::BadInput, "forgeEvery must be 1 at least");
    request.forge_every = *every;
    request.beside_good = *beside;
    request.all_forgeries = *name == "all";
    if (!name->empty() && !request.all_forgeries) {
        request.forgery = find_forgery(*name);
        if (request.forgery == nullptr)
            return fail(Errc::BadInput, "there is no such forgery; see graph-emulator forgeries");
    }
    const bool token = request.forgery != nullptr && request.forgery->scope == ForgeryScope::Token;
    if (request.beside_good && !token)
        return fail(Errc::BadInput, "besideGood is for one forgery of a token");
    return {};
}

}  // namespace

Result<ChangeRequest> read_change_request(const boost::json::object& json) {
    ChangeRequest request;
    if (auto read = read_texts(json, request); !read) return read.error();
    if (auto read = read_type(json, request); !read) return read.error();
    if (auto read = read_forgery(json, request); !read) return read.error();
    const auto count = whole(json, "count", 1);
    const auto objects = whole(json, "objects", 0);
    for (const auto* read : {&count, &objects}) {
        if (!*read) return read->error();
    }
    request.count = *count;
    request.objects = *objects;
    if ((request.kind.empty() ? 0 : 1) + (request.resource.empty() ? 0 : 1) +
            (request.subscription.empty() ? 0 : 1) !=
        1) {
        return fail(Errc::BadInput, "say one of kind, resource and subscription");
    }
    if (!request.kind.empty() && find_kind(request.kind) == nullptr) {
        return fail(Errc::BadInput, "there is no such kind; see graph-emulator kinds");
    }
    if (!request.resource.empty() && !recognise(request.resource)) {
        return fail(Errc::BadInput, "no kind has such a resource path");
    }
    if (!request.object.empty() && !request.kind.empty())
        return fail(Errc::BadInput, "an object needs the resource it is in");
    if (const auto* rate = json.if_contains("rate"); rate != nullptr) {
        boost::system::error_code error;
        request.rate = rate->to_number<double>(error);
        if (error || !(request.rate >= 0) || request.rate > 1e6)
            return fail(Errc::BadInput, "rate must be 0 to 1000000");
    }
    return request;
}

boost::json::object ChangeJob::to_json() const {
    boost::json::object json;
    json["job"] = id;
    json["count"] = request.count;
    json["made"] = made;
    json["items"] = items;
    json["accepted"] = accepted;
    json["failed"] = failed;
    json["dropped"] = dropped;
    json["lost"] = lost;
    json["done"] = settled();
    if (!trouble.empty()) json["trouble"] = trouble;
    return json;
}

}  // namespace graphhook::emulator
