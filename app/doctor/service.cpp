#include "app/doctor/service.hpp"

#include "app/api/explained.hpp"
#include "app/api/json_views.hpp"
#include "app/api/subscription_views.hpp"
#include "app/cli/admin_client.hpp"
#include "app/cli/offline.hpp"
#include "app/config/config_file.hpp"
#include "app/service/key_states.hpp"
#include "core/http_client.hpp"
#include "core/time_text.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <unistd.h>

namespace graphhook::app::doctor {
namespace {

namespace json = boost::json;

std::string text_of(const json::object& row, std::string_view member) {
    const auto* value = row.if_contains(member);
    return value != nullptr && value->is_string() ? std::string(value->as_string()) : std::string();
}

/// For reading: whole mebibytes, or gibibytes where there are many.
std::string rounded(std::uint64_t bytes) {
    const std::uint64_t mebibytes = bytes >> 20U;
    return mebibytes < 10'240 ? fmt::format("{}MiB", mebibytes)
                              : fmt::format("{}GiB", mebibytes >> 10U);
}

std::string store_path(const Config& config) {
    return config.store.url.substr(std::string("sqlite:").size());
}

/// All rows of a paged list. False: it broke off.
bool all_rows(AdminClient& client, const std::string& list, json::array& rows) {
    std::string after;
    for (;;) {
        auto page = client.call(
            "GET",
            fmt::format(
                "/api/v1/{}?failing=1&limit={}&after={}", list, kMostRows, percent_encode(after)
            ),
            nullptr
        );
        if (!page || !page->is_array()) return false;
        const auto count = page->as_array().size();
        for (auto& row : page->as_array()) rows.push_back(std::move(row));
        if (count < kMostRows) return true;
        after = text_of(rows.back().as_object(), "cursor");
    }
}

/// True: it answered.
bool ask_serve(const Config& config, ServiceFacts& facts) {
    AdminClient client(config.admin.socket, std::chrono::seconds(30));
    auto status = client.call("GET", "/api/v1/status", nullptr);
    if (!status) {
        if (status.error().code == Errc::NotFound) return false;
        facts.running = true;
        facts.trouble = status.error().detail;
        return true;
    }
    facts.running = true;
    auto& object = status->as_object();
    if (object.at("store").is_object()) facts.store = object.at("store").as_object();
    facts.tenants = object.at("tenants").as_array();
    if (const auto* unproved = object.if_contains("unproved"); unproved != nullptr)
        facts.unproved = unproved->as_array();
    if (!all_rows(client, "subscriptions", facts.failing) ||
        !all_rows(client, "sweeps", facts.sweeps))
        facts.trouble = "'graphhook serve' broke off while it was asked";
    if (auto templates = client.call("GET", "/api/v1/templates", nullptr))
        facts.templates = std::move(templates->as_array());
    return true;
}

/// From the store, whether `serve` runs or not: it knows of certificates whose keys nobody has.
std::map<std::string, std::size_t> read_certificates_in_use(const Config& config) {
    if (::access(store_path(config).c_str(), F_OK) != 0) return {};
    const auto offline = Offline::open(config);
    if (!offline) return {};
    using Records = std::vector<store::SubscriptionRecord>;
    const auto records = wait_for<Records>([&](Completion<Records> done) {
        (*offline)->store().subscriptions(std::move(done));
    });
    return records ? certificates_in_use(*records) : std::map<std::string, std::size_t>();
}

/// Who holds the lock of the store, by the name that the holder left in it. The name stays when the
/// holder is gone, so the kernel is asked; taking the lock to try it could turn a starting `serve`
/// away.
std::string holder_of(const std::string& database) {
    struct stat lock{};
    const auto path = database + ".lock";
    if (::stat(path.c_str(), &lock) != 0) return {};
    std::ifstream locks("/proc/locks");
    const auto inode = fmt::format(":{} ", lock.st_ino);
    bool held = false;
    for (std::string line; std::getline(locks, line);)
        held = held ||
               (line.find("FLOCK") != std::string::npos && line.find(inode) != std::string::npos);
    if (!held) return {};
    const auto name = file_system()(path);
    auto holder = name ? *name : std::string("somebody");
    while (holder.ends_with('\n')) holder.pop_back();
    return holder;
}

void read_store(const Config& config, ServiceFacts& facts) {
    const auto path = store_path(config);
    facts.holder = holder_of(path);
    facts.store_there = ::access(path.c_str(), F_OK) == 0;
    if (!facts.store_there) return;
    auto offline = Offline::open(config);
    if (!offline) {
        facts.trouble = to_string(offline.error());
        return;
    }
    auto& store = (*offline)->store();
    const auto stats = wait_for<store::StoreStats>([&](Completion<store::StoreStats> done) {
        store.stats(std::move(done));
    });
    if (!stats) {
        facts.trouble = to_string(stats.error());
        return;
    }
    facts.store = graphhook::app::to_json(*stats, real_clock().system_now());
    const auto manager = (*offline)->subscriptions();
    if (!manager) {
        facts.trouble = to_string(manager.error());
        return;
    }
    RowFilter filter;
    filter.failing = true;
    filter.limit = 1'000'000;
    const auto tenants = (*manager)->list();
    for (const auto& tenant : tenants) facts.tenants.push_back(graphhook::app::to_json(tenant));
    facts.failing = subscription_rows(tenants, filter).rows;
    facts.sweeps = sweep_rows((*manager)->sweeps(), filter).rows;
    facts.templates = template_rows((*manager)->templates());
}

struct Cause {
    std::size_t count = 0;
    std::string example, remedy;
};

/// One finding for each name and cause.
void judge_rows(
    json::array rows, const std::string& check, const std::string& noun, Findings& found
) {
    explain_rows(rows);
    std::map<std::pair<std::string, std::string>, Cause> causes;
    for (const auto& value : rows) {
        const auto& row = value.as_object();
        if (text_of(row, "last_error").empty()) continue;
        auto subject = text_of(row, "name");
        if (const auto tenant = text_of(row, "tenant"); !tenant.empty() && !subject.empty())
            subject = fmt::format("{}/{}", tenant, subject);
        auto& cause = causes[{subject, text_of(row, "cause")}];
        if (cause.count++ == 0) {
            cause.example = text_of(row, "element");
            cause.remedy = text_of(row, "remedy");
        }
    }
    for (const auto& [key, cause] : causes) {
        auto what = key.second;
        if (cause.count > 1) what = fmt::format("{} {}: {}", cause.count, noun, what);
        if (!cause.example.empty() && cause.example != "*")
            what += fmt::format(" (for example of {})", cause.example);
        found.push_back(fail(
            check, key.first, what,
            cause.remedy.empty() ? "see 'graphhook subscriptions show' and the log" : cause.remedy
        ));
    }
}

}  // namespace

ServiceFacts gather_service(const Config& config) {
    ServiceFacts facts;
    const auto path = store_path(config);
    const auto folder = std::filesystem::path(path).parent_path();
    facts.store_writable = ::access(folder.c_str(), W_OK) == 0 &&
                           (::access(path.c_str(), F_OK) != 0 || ::access(path.c_str(), W_OK) == 0);
    if (!ask_serve(config, facts)) read_store(config, facts);
    facts.certificates = read_certificates_in_use(config);
    return facts;
}

Findings judge_store(const ServiceFacts& facts, const Config& config) {
    Findings found;
    const auto path = store_path(config);
    if (facts.running) {
        found.push_back(ok("serve", "", "it runs and answers"));
    } else if (!facts.holder.empty()) {
        found.push_back(fail(
            "serve", "",
            fmt::format(
                "a process ({}) holds the store, and nobody answers at '{}'", facts.holder,
                config.admin.socket
            ),
            "see whether it is stuck or uses another admin.socket; its log says more"
        ));
    } else {
        found.push_back(warn(
            "serve", "", "it is not running; what follows is what the store says",
            "start it: systemctl start graphhook"
        ));
    }
    if (facts.running && !facts.trouble.empty())
        found.back() = fail("serve", "", facts.trouble, "look at its log");
    if (!facts.running && !facts.store_there) {
        found.push_back(warn(
            "store", path, "it is not there yet",
            "nothing, if graphhook never ran: 'serve' makes it"
        ));
    } else if (!facts.running && !facts.trouble.empty()) {
        found.push_back(fail(
            "store", path, fmt::format("it can not be opened: {}", facts.trouble),
            "docs/store.md says what to do with a store that is damaged or of another release"
        ));
    }
    if (!facts.store_writable)
        found.push_back(fail(
            "store", path, "it can not be written to by this user",
            "run doctor as the user of the service, or give that user the folder"
        ));
    if (!facts.store) return found;
    const auto refusing = text_of(*facts.store, "refusing");
    const auto free = facts.store->at("free_bytes").to_number<std::uint64_t>();
    if (!refusing.empty()) {
        found.push_back(fail(
            "store", path, fmt::format("Graph is answered 503: {}", refusing),
            "make room on its file system, or see which handler does not keep up"
        ));
    } else if (free < config.store.reserve) {
        found.push_back(fail(
            "store", path,
            fmt::format(
                "{} are free, less than store.reserve ({})", rounded(free),
                size_text(config.store.reserve)
            ),
            "make room on its file system: below the reserve Graph is answered 503"
        ));
    } else if (free < 2 * config.store.reserve) {
        found.push_back(warn(
            "store", path,
            fmt::format(
                "{} are free; below {} Graph is answered 503", rounded(free),
                size_text(config.store.reserve)
            ),
            "make room on its file system"
        ));
    } else {
        found.push_back(ok("store", path, fmt::format("it opens; {} are free", rounded(free))));
    }
    return found;
}

Findings judge_handlers(const ServiceFacts& facts) {
    constexpr double kOld = 900;
    Findings found;
    if (!facts.store) return found;
    std::size_t good = 0;
    for (const auto& value : facts.store->at("handlers").as_array()) {
        const auto& row = value.as_object();
        const auto name = text_of(row, "handler");
        const auto dead = row.at("dead").to_number<std::uint64_t>();
        const auto waiting = row.at("waiting").to_number<std::uint64_t>();
        const auto& age = row.at("oldest_age_seconds");
        const auto before = found.size();
        if (dead > 0)
            found.push_back(warn(
                "handler", name, fmt::format("{} deliveries were given up", dead),
                "see 'graphhook dead-letters list', then replay or drop them"
            ));
        if (row.at("paused").as_bool()) {
            found.push_back(warn(
                "handler", name, fmt::format("it is paused; {} wait", waiting),
                fmt::format("'graphhook handlers resume {}' when it is time", name)
            ));
        } else if (age.is_number() && age.to_number<double>() > kOld) {
            found.push_back(fail(
                "handler", name,
                fmt::format(
                    "{} wait, the oldest for {:.0f} minutes", waiting, age.to_number<double>() / 60
                ),
                fmt::format(
                    "see 'graphhook deliveries list --handler {} --state retrying' and its "
                    "target",
                    name
                )
            ));
        }
        if (found.size() == before) ++good;
    }
    if (found.empty() && good > 0)
        found.push_back(ok("handler", "", "no dead letters and no old backlog"));
    return found;
}

Findings judge_subscriptions(const ServiceFacts& facts) {
    Findings found;
    if (!facts.running && !facts.store) return found;
    // A tenant's own trouble explains those of its subscriptions.
    for (const auto& value : facts.tenants) {
        const auto& row = value.as_object();
        const auto error = text_of(row, "last_error");
        if (error.empty()) continue;
        const auto known = explained(error, {});
        found.push_back(fail(
            "tenant", text_of(row, "name"), known ? known->cause : error,
            known ? known->remedy : "see the log"
        ));
    }
    // Parked ones are expected among many, and say so by themselves.
    json::array failing;
    std::size_t parked = 0;
    for (const auto& row : facts.failing) {
        if (text_of(row.as_object(), "state") == "parked") {
            ++parked;
        } else {
            failing.push_back(row);
        }
    }
    judge_rows(std::move(failing), "subscription", "subscriptions", found);
    judge_rows(facts.sweeps, "sweep", "sweeps", found);
    judge_rows(facts.templates, "template", "templates", found);
    if (found.empty())
        found.push_back(ok("subscription", "", "none fails, and no sweep and no template"));
    if (parked > 0)
        found.push_back(warn(
            "subscription", "",
            fmt::format("{} elements are parked: Graph refuses them for themselves", parked),
            "see 'graphhook subscriptions list --state parked'; they are tried again daily"
        ));
    return found;
}

}  // namespace graphhook::app::doctor
