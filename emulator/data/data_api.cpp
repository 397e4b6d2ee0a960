#include "emulator/data/data_api.hpp"

#include "core/time_text.hpp"
#include "emulator/data/filter.hpp"
#include "emulator/data/listing.hpp"
#include "emulator/data/render.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

namespace graphhook::emulator {

namespace json = boost::json;

struct DataApi::Ask {
    const Request& request;
    const Caller& caller;
    const RequestIds& ids;
    std::string_view version;
    const Place& place;
    const Query& query;
    Collection& collection;
    const Tenant& tenant;
};

namespace {

constexpr std::size_t kMostPresences = 650;

ApiError not_there() {
    return {404, "ResourceNotFound", "The object was not found."};
}

std::string_view name_of(ApiVersion version) {
    return version == ApiVersion::V1 ? "v1.0" : "beta";
}

Response ok(const json::object& body) {
    return {
        200,
        "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;"
        "charset=utf-8",
        json::serialize(body)
    };
}

ApiError forbidden(const Place& place) {
    constexpr std::string_view kText = "Insufficient privileges to complete the operation.";
    switch (place.shelf.type) {
        case Type::User:
        case Type::Group:
        case Type::Member:
            return {403, "Authorization_RequestDenied", std::string(kText)};
        case Type::Message:
        case Type::MailFolder:
        case Type::Event:
        case Type::Contact:
        case Type::ContactFolder:
            return {403, "ErrorAccessDenied", "Access is denied. Check credentials and try again."};
        default:
            return {403, "Forbidden", std::string(kText)};
    }
}

std::string context_of(const Request& request, std::string_view version, const Place& place) {
    return fmt::format("{}/{}/$metadata#{}", request.base, version, place.key);
}

/// What a link must be for: the collection, and which view of it.
std::string place_text(const Place& place) {
    return fmt::format("{} {} {}", place.key, static_cast<int>(place.what), place.id);
}

std::string link(const Request& request, std::string_view option, const SyncToken& token) {
    return fmt::format("{}{}?{}={}", request.base, request.path(), option, token_text(token));
}

json::object drive_of_owner(std::string_view id) {
    return {
        {"id", id},
        {"driveType", "business"},
        {"name", "Documents"},
        {"lastModifiedDateTime", "2026-01-01T00:00:00Z"}
    };
}

/// The path a delta starts from anew: with an empty token.
std::string_view empty_token(DeltaStyle style) {
    return style == DeltaStyle::Drive || style == DeltaStyle::List ? "token" : "$deltatoken";
}

}  // namespace

std::optional<DataApi::Split> DataApi::split(std::string_view path) {
    if (path.starts_with("/v1.0/")) return Split{ApiVersion::V1, path.substr(6)};
    if (path.starts_with("/beta/")) return Split{ApiVersion::Beta, path.substr(6)};
    return std::nullopt;
}

std::optional<Response> DataApi::handle(
    const Request& request, std::string_view path, const Caller& caller, ApiVersion version,
    const RequestIds& ids
) {
    const auto refused = [&](const ApiError& error) {
        return json_response(error.status, error_body(error, ids, clock_.system_now()));
    };
    if (lower_case(path) == "communications/getpresencesbyuserid") {
        auto response = presences(request, caller, version);
        return response ? std::move(*response) : refused(response.error());
    }
    const auto place = place_of(path);
    if (!place) return std::nullopt;
    if (request.method != "GET") {
        return refused(
            {405, "Request_BadRequest",
             "Specified HTTP method is not allowed for the request target."}
        );
    }
    if (!caller.has_one_of(place->shelf.roles)) return refused(forbidden(*place));
    if (const auto missing = world_.refuses_reading(caller.tenant, *place))
        return refused(*missing);
    const auto query = read_query(request, options_.pages);
    if (!query) return refused(query.error());
    Collection& collection = world_.open(caller.tenant, place->key, place->shelf);
    auto response = answer(
        Ask{request, caller, ids, name_of(version), *place, *query, collection,
            world_.tenant(caller.tenant)}
    );
    return response ? std::move(*response) : refused(response.error());
}

ApiResult<Response> DataApi::answer(const Ask& ask) {
    switch (ask.place.what) {
        case Place::What::MailboxDelta:
            return ApiError{
                400, "ErrorInvalidUrlQuery",
                "Change tracking is not supported against 'microsoft.graph.message' of a mailbox; "
                "ask its folders."
            };
        case Place::What::OwnDrive:
            return ok(drive_of_owner(ask.place.id));
        case Place::What::OwnDrives: {
            json::object body{
                {"@odata.context", context_of(ask.request, ask.version, ask.place)},
                {"value", json::array{drive_of_owner(ask.place.id)}}
            };
            return ok(body);
        }
        case Place::What::Object:
        case Place::What::MailboxMessage:
            return one(ask);
        default:
            return ask.place.delta ? delta(ask) : list(ask);
    }
}

ApiResult<Response> DataApi::one(const Ask& ask) {
    const Collection* in = &ask.collection;
    const Object* object = nullptr;
    if (ask.place.what == Place::What::MailboxMessage) {
        const auto found = find_in_mailbox(ask.tenant, ask.collection, ask.place.id);
        in = found.collection;
        object = found.object;
    } else {
        auto id = ask.place.id;
        if (ask.place.shelf.type == Type::User) id = canonical_user(id);
        if (ask.place.shelf.type == Type::MailFolder) id = canonical_folder(id);
        object = in->find(id);
    }
    if (object == nullptr || object->removed) {
        if (ask.place.shelf.type == Type::Drive && owner_of_drive(ask.place.id))
            return ok(drive_of_owner(ask.place.id));
        return not_there();
    }
    auto body = render(ask.tenant, *in, *object);
    select(body, ask.query.select);
    body["@odata.context"] = context_of(ask.request, ask.version, ask.place) + "/$entity";
    return ok(body);
}

ApiResult<Response> DataApi::list(const Ask& ask) {
    const auto place = place_text(ask.place);
    const Query& query = ask.query;
    if (query.token && (query.token->kind != SyncToken::Kind::List || query.token->place != place ||
                        query.token->generation != world_.generation())) {
        return ApiError{400, "BadRequest", "Badly formed token."};
    }
    if (ask.place.what == Place::What::CalendarView && (!query.start || !query.end)) {
        return ApiError{400, "BadRequest", "startDateTime and endDateTime are needed."};
    }
    auto page = list_page(ask.tenant, ask.collection, ask.place, query);
    if (!page) return page.error();
    json::object body;
    body["@odata.context"] = context_of(ask.request, ask.version, ask.place);
    body["value"] = std::move(page->value);
    if (page->next) {
        SyncToken next;
        next.generation = world_.generation();
        next.position = *page->next;
        next.page = (query.token ? query.token->page : 1) + 1;
        next.place = place;
        next.query = query.text;
        body["@odata.nextLink"] = link(ask.request, "$skiptoken", next);
    }
    return ok(body);
}

Response DataApi::gone(const Ask& ask, const DeltaAsk& delta, const Fault* fault) const {
    const auto style = delta.collection.shelf().delta;
    ApiError error{410, "resyncRequired", "The sync state generation is not found; start anew."};
    if (style == DeltaStyle::Outlook || style == DeltaStyle::Calendar) {
        // The mail service says it so; a fault may choose 410 (protocol 8.1).
        error = {400, "SyncStateNotFound", "The sync state generation is not found."};
        if (fault != nullptr && fault->status == 410) error.status = 410;
    }
    std::string nested;
    if (style == DeltaStyle::Drive || style == DeltaStyle::List) {
        const bool upload = fault != nullptr && fault->code == "resyncChangesUploadDifferences";
        error.code = upload ? "resyncChangesUploadDifferences" : "resyncChangesApplyDifferences";
        nested = upload ? "resyncUploadDifferences" : "resyncApplyDifferences";
        error.message = "Resync required. Replace any local items with the server's version.";
    }
    auto body = error_body(error, ask.ids, clock_.system_now());
    if (!nested.empty()) {
        auto tree = json::parse(body).as_object();
        tree["error"].as_object()["innerError"].as_object()["code"] = nested;
        body = json::serialize(tree);
    }
    auto response = json_response(error.status, std::move(body));
    if (error.status == 410) {
        response.headers.emplace_back(
            "Location",
            fmt::format("{}{}?{}=", ask.request.base, ask.request.path(), empty_token(style))
        );
    }
    return response;
}

ApiResult<Response> DataApi::delta(const Ask& ask) {
    const auto style = ask.collection.shelf().delta;
    DeltaAsk what{ask.tenant, ask.collection,      ask.query,        place_text(ask.place),
                  {},         world_.generation(), world_.version(), clock_.system_now()};
    if (ask.place.what == Place::What::Children) {
        // Folders other than the root: on personal drives only (protocol 8.5).
        const Object* const root = ask.collection.find("root");
        const Object* const folder = ask.collection.find(ask.place.id);
        if (style != DeltaStyle::Drive || folder == nullptr) return not_there();
        if ((root->flags & trait::kPersonal) == 0 && folder != root) {
            return ApiError{
                400, "invalidRequest", "Delta is only supported on the root of this drive."
            };
        }
        if (folder != root) what.folder = ask.place.id;
    }
    const Where where{ask.caller.tenant, ask.request.path(), 0};
    const auto ended = faults_.any() && ask.query.token
                           ? faults_.take(FaultKind::DeltaExpired, where)
                           : std::optional<Fault>{};
    if (ended) return gone(ask, what, &*ended);
    if (expired(what, options_.lives)) return gone(ask, what, nullptr);
    if (auto refused = check_delta(what)) return std::move(*refused);
    json::object body;
    body["@odata.context"] = context_of(ask.request, ask.version, ask.place) + "(delta)";
    DeltaPage page;
    if (faults_.any() && ask.query.token && faults_.take(FaultKind::EmptyPage, where)) {
        // Legal, and where some clients stop (protocol 8.1).
        page.next = *ask.query.token;
        if (page.next.kind == SyncToken::Kind::Link) page.next.since = page.next.position;
        page.next.kind = SyncToken::Kind::Round;
        ++page.next.page;
    } else {
        auto made = delta_page(what);
        if (!made) return made.error();
        page = std::move(*made);
        if (faults_.any() && !page.value.empty() && faults_.take(FaultKind::Replay, where))
            page.value.push_back(json::value(page.value.front()));
    }
    body["value"] = std::move(page.value);
    const bool drive = style == DeltaStyle::Drive || style == DeltaStyle::List;
    if (page.next.kind == SyncToken::Kind::Round) {
        body["@odata.nextLink"] = link(ask.request, drive ? "token" : "$skiptoken", page.next);
    } else {
        body["@odata.deltaLink"] = link(ask.request, drive ? "token" : "$deltatoken", page.next);
    }
    return ok(body);
}

ApiResult<Response> DataApi::presences(
    const Request& request, const Caller& caller, ApiVersion version
) {
    const Place place = place_of("communications/presences").value();
    if (request.method != "POST") {
        return ApiError{
            405, "Request_BadRequest",
            "Specified HTTP method is not allowed for the request target."
        };
    }
    if (!caller.has_one_of(place.shelf.roles)) return forbidden(place);
    boost::system::error_code error;
    const auto body = json::parse(request.body, error);
    const auto* ids = !error && body.is_object() ? body.as_object().if_contains("ids") : nullptr;
    if (ids == nullptr || !ids->is_array() || ids->as_array().size() > kMostPresences) {
        return ApiError{
            400, "BadRequest", fmt::format("ids must be a list of {} at most.", kMostPresences)
        };
    }
    Collection& presences = world_.open(caller.tenant, place.key, place.shelf);
    json::array value;
    for (const auto& id : ids->as_array()) {
        if (!id.is_string()) return ApiError{400, "BadRequest", "ids must be text."};
        const auto user = canonical_user(std::string_view(id.as_string()));
        const Object* const known = presences.find(user);
        if (known != nullptr && !known->removed) {
            auto one = render(world_.tenant(caller.tenant), presences, *known);
            one.erase("@odata.etag");
            value.push_back(std::move(one));
        } else {
            value.push_back({{"id", user}, {"availability", "Available"}, {"activity", "Available"}}
            );
        }
    }
    return ok(
        {{"@odata.context",
          fmt::format("{}/{}/$metadata#Collection(presence)", request.base, name_of(version))},
         {"value", std::move(value)}}
    );
}

}  // namespace graphhook::emulator
