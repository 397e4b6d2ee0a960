#include "emulator/cli/commands.hpp"

#include "emulator/cli/print.hpp"
#include "emulator/kinds.hpp"

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include <charconv>
#include <chrono>
#include <cstdio>
#include <thread>
#include <unistd.h>

namespace graphhook::emulator::cli {
namespace {

using boost::json::object;
using boost::json::value;

std::uint64_t count(const object& json, std::string_view name) {
    const value* found = json.if_contains(name);
    boost::system::error_code error;
    const auto number = found == nullptr ? 0 : found->to_number<std::uint64_t>(error);
    return error ? 0 : number;
}

/// Prints the answer as it is, or one line made of it.
int print(const Result<object>& answer, Output output, std::string (*line)(const object&)) {
    if (!answer) return trouble(answer.error());
    say(output == Output::Json ? boost::json::serialize(*answer) : line(*answer));
    return 0;
}

std::string faults_line(const object& json) {
    const auto& faults = json.at("faults").as_array();
    if (faults.empty()) return "no faults";
    std::string lines;
    for (const auto& fault : faults) {
        lines += (lines.empty() ? "" : "\n") + boost::json::serialize(fault);
    }
    return lines;
}

std::string job_line(const object& job) {
    return fmt::format(
        "job {}: made {} of {}, notifications {}, accepted {}, failed {}, dropped {}, lost {}",
        count(job, "job"), count(job, "made"), count(job, "count"), count(job, "items"),
        count(job, "accepted"), count(job, "failed"), count(job, "dropped"), count(job, "lost")
    );
}

Result<object> wait_for_job(Client& client, const object& started) {
    const bool show = ::isatty(STDERR_FILENO) == 1;
    const auto path = fmt::format("/emulator/jobs/{}", count(started, "job"));
    auto pause = std::chrono::milliseconds(10);
    while (true) {
        auto job = client.send("GET", path);
        if (!job) return job;
        const bool done = job->at("done").as_bool();
        if (show)
            std::fputs(fmt::format("\r{}{}", job_line(*job), done ? "\r\n" : "").c_str(), stderr);
        if (done) return job;
        std::this_thread::sleep_for(pause);
        pause = std::min(pause * 2, std::chrono::milliseconds(250));
    }
}

/// Goes through all pages of a list; `each` gets every element.
template <class Each>
Result<void> page_through(
    Client& client, std::string_view path, std::string_view member, Each each,
    std::string_view more = {}
) {
    std::uint64_t after = 0;
    while (true) {
        auto page = client.send("GET", fmt::format("{}?after={}&limit=2000{}", path, after, more));
        if (!page) return page.error();
        for (const auto& element : page->at(member).as_array()) each(element.as_object());
        if (!page->contains("next")) return {};
        after = count(*page, "next");
    }
}

}  // namespace

Result<double> parse_rate(std::string_view text) {
    if (text.ends_with("/s")) text.remove_suffix(2);
    double rate = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), rate);
    if (error != std::errc{} || end != text.data() + text.size() || !(rate > 0)) {
        return fail(Errc::BadInput, "a rate looks like 200/s");
    }
    return rate;
}

int change(const Target& target, const ChangeArguments& arguments, Output output) {
    Client client(target);
    auto job = client.send("POST", "/emulator/changes", arguments.request);
    if (job && arguments.wait) job = wait_for_job(client, *job);
    if (const int code = print(job, output, job_line); code != 0) return code;
    if (job->contains("trouble")) return trouble(fail(Errc::Failed, cell(*job, "trouble")));
    // Failed, dropped and lost are what faults are for; but who waits wants to know.
    const bool all = count(*job, "accepted") == count(*job, "items");
    return arguments.wait && !all ? 1 : 0;
}

int lifecycle(const Target& target, const object& request, Output output) {
    return print(
        Client(target).send("POST", "/emulator/lifecycle", request), output,
        [](const object& json) {
            return fmt::format("sent {}, skipped {}", count(json, "sent"), count(json, "skipped"));
        }
    );
}

int set_fault(const Target& target, const object& request, Output output) {
    return print(
        Client(target).send("POST", "/emulator/faults", request), output,
        [](const object& json) {
            return json.contains("faults") ? faults_line(json)
                                           : "forgotten " + cell(json, "forgotten");
        }
    );
}

int clear_faults(const Target& target, Output output) {
    return print(Client(target).send("DELETE", "/emulator/faults"), output, faults_line);
}

int list_faults(const Target& target, Output output) {
    return print(Client(target).send("GET", "/emulator/faults"), output, faults_line);
}

int status(const Target& target, Output output) {
    return print(Client(target).send("GET", "/emulator/status"), output, [](const object& json) {
        std::string lines;
        for (const auto& member : json) {
            const std::string_view name(member.key().data(), member.key().size());
            if (member.value().is_object() || member.value().is_array()) continue;
            lines += fmt::format("{:<28}{}\n", name, cell(json, name));
        }
        for (const auto& endpoint : json.at("endpoints").as_object()) {
            const std::string_view name(endpoint.key().data(), endpoint.key().size());
            const auto& one = endpoint.value().as_object();
            lines += fmt::format(
                "endpoint {} is {}: queued {}, delayed {}, retrying {}, in flight {}\n", name,
                cell(one, "state"), cell(one, "queuedItems"), cell(one, "delayedItems"),
                cell(one, "retryingPosts"), cell(one, "postsInFlight")
            );
        }
        return lines + faults_line(json);
    });
}

int subscriptions(const Target& target, Output output) {
    Client client(target);
    boost::json::array all;
    const auto read =
        page_through(client, "/emulator/subscriptions", "subscriptions", [&](const object& one) {
            all.push_back(one);
        });
    if (!read) return trouble(read.error());
    if (output == Output::Json) {
        say(boost::json::serialize(all));
        return 0;
    }
    say(fmt::format("{:<37}{:<14}{:<24}{:<22}{}", "ID", "KIND", "CHANGES", "EXPIRES", "RESOURCE"));
    for (const auto& element : all) {
        const auto& one = element.as_object();
        say(fmt::format(
            "{:<37}{:<14}{:<24}{:<22}{}", cell(one, "id"), cell(one, "kind"),
            cell(one, "changeType"), cell(one, "expirationDateTime").substr(0, 19) + "Z",
            cell(one, "resource")
        ));
    }
    return 0;
}

int changes(const Target& target, bool plaintext, Output output) {
    Client client(target);
    bool first = true;
    if (output == Output::Table)
        say(fmt::format(
            "{:<10}{:<14}{:<9}{:<10}{}", "NUMBER", "KIND", "CHANGE", "ITEMS", "RESOURCE"
        ));
    const auto each = [&](const object& one) {
        if (output == Output::Json) {
            std::fputs(((first ? "[" : ",\n") + boost::json::serialize(one)).c_str(), stdout);
        } else {
            std::string states;
            for (const auto& item : one.at("items").as_array()) {
                states += (states.empty() ? "" : ",") + cell(item.as_object(), "state");
            }
            say(fmt::format(
                "{:<10}{:<14}{:<9}{:<10}{}", cell(one, "number"), cell(one, "kind"),
                cell(one, "change"), states, cell(one, "resource")
            ));
        }
        first = false;
    };
    const auto read =
        page_through(client, "/emulator/changes", "changes", each, plaintext ? "&plaintext=1" : "");
    if (!read) return trouble(read.error());
    if (output == Output::Json) say(first ? "[]" : "]");
    return 0;
}

int reset(const Target& target, const object& request, Output output) {
    return print(
        Client(target).send("POST", "/emulator/reset", request), output,
        [](const object&) { return std::string("reset"); }
    );
}

int populate(const Target& target, const object& request, Output output) {
    return print(
        Client(target).send("POST", "/emulator/data", request), output,
        [](const object& json) {
            std::string lines;
            for (const auto& member : json) {
                const std::string_view name(member.key().data(), member.key().size());
                if (!lines.empty()) lines += '\n';
                if (!member.value().is_array()) {
                    lines += fmt::format("{:<14}{}", name, cell(json, name));
                    continue;
                }
                // The first ids; more of them is what lists are for.
                const auto& ids = member.value().as_array();
                lines += fmt::format("{:<14}", name);
                for (std::size_t i = 0; i < std::min<std::size_t>(ids.size(), 3); ++i)
                    lines +=
                        fmt::format("{}{}", i == 0 ? "" : ", ", std::string(ids[i].as_string()));
                if (ids.size() > 3) lines += ", …";
            }
            return lines;
        }
    );
}

int mark_user(const Target& target, const object& request, Output output) {
    return print(
        Client(target).send("POST", "/emulator/users", request), output,
        [](const object& json) {
            return fmt::format("{} is refused: {}", cell(json, "user"), cell(json, "refuse"));
        }
    );
}

int kinds(Output output) {
    boost::json::array all;
    if (output == Output::Table)
        say(fmt::format("{:<26}{:<10}{}", "KIND", "LIFE", "RESOURCE PATH"));
    for (const Path& path : paths()) {
        const Kind& kind = *find_kind(path.kind);
        if (output == Output::Json) {
            object one;
            one["kind"] = path.kind;
            one["path"] = path.pattern;
            one["longestLifeMinutes"] = kind.longest_life.count();
            one["roles"] = path.roles;
            all.push_back(std::move(one));
        } else {
            say(fmt::format(
                "{:<26}{:<10}{}", path.kind, fmt::format("{} min", kind.longest_life.count()),
                path.pattern
            ));
        }
    }
    if (output == Output::Json) say(boost::json::serialize(all));
    return 0;
}

}  // namespace graphhook::emulator::cli
