// `keys`: the encryption keys in the folder, who uses them, and moving everybody to a new one.

#include "app/api/json_views.hpp"
#include "app/cli/admin_client.hpp"
#include "app/cli/commands.hpp"
#include "app/cli/following.hpp"
#include "app/cli/offline.hpp"
#include "app/cli/output.hpp"
#include "app/cli/rotation_watch.hpp"
#include "app/cli/tenant_trouble.hpp"
#include "app/config/config_file.hpp"
#include "app/config/tool_config.hpp"
#include "app/service/key_states.hpp"
#include "core/clock.hpp"
#include "core/log.hpp"
#include "core/time_text.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <thread>
#include <unistd.h>
#include <utility>

namespace graphhook::app {
namespace {

namespace json = boost::json;
using std::chrono::milliseconds;

constexpr milliseconds kBetween{1'000};
/// Ids made of a date, tried until one is free.
constexpr int kMostOfADay = 1'000;

const std::vector<Column> kColumns = {
    {"ID", "id"},
    {"STATE", "state"},
    {"SUBSCRIPTIONS", "subscriptions"},
    {"BITS", "bits"},
    {"FROM", "not_before"},
    {"UNTIL", "not_after"},
    {"LAST USED", "last_used"},
    {"RETIRES", "retire_at"},
    {"THUMBPRINT", "thumbprint"},
};

/// What opens PKCS#12 files: read here, since commands read no secrets without need.
Secret passphrase_of(const Config& config) {
    const auto* file = config.reading.find("keys.passphrase_file");
    if (file == nullptr || !file->given) return config.keys.passphrase;
    auto text = file_system()(file->text);
    if (!text) {
        std::cerr << "graphhook: warning: " << text.error().detail << '\n';
        return {};
    }
    if (text->ends_with('\n')) text->pop_back();
    return Secret(std::move(*text));
}

/// What the store knows of keys while `serve` is down.
struct Known {
    std::map<std::string, std::size_t> in_use;
    std::map<std::string, SystemTime> last_used;
    std::optional<SystemTime> oldest_notification;
};

Result<Known> ask_store(const Config& config, const authenticity::Keyring& keyring) {
    Known known;
    const auto path = config.store.url.substr(config.store.url.find(':') + 1);
    // Before the first `serve` there is nothing to ask.
    if (::access(path.c_str(), F_OK) != 0) return known;
    const auto offline = Offline::open(config);
    if (!offline) return offline.error();
    auto& store = (*offline)->store();
    using Records = std::vector<store::SubscriptionRecord>;
    const auto records =
        wait_for<Records>([&](Completion<Records> done) { store.subscriptions(std::move(done)); });
    if (!records) return records.error();
    known.in_use = certificates_in_use(*records);
    const auto stats = wait_for<store::StoreStats>([&](Completion<store::StoreStats> done) {
        store.stats(std::move(done));
    });
    if (!stats) return stats.error();
    known.oldest_notification = stats->oldest_notification;
    for (const auto& key : keyring.keys()) {
        const auto note = wait_for<std::string>([&](Completion<std::string> done) {
            store.note(last_used_note(key->id), std::move(done));
        });
        if (!note) return note.error();
        if (const auto last = parse_time(*note)) known.last_used[key->id] = *last;
    }
    return known;
}

/// Without `serve`: the folder, and what the store knows.
Result<json::array> read_rows(const Config& config) {
    const auto& folder = config.keys.folder;
    const auto passphrase = passphrase_of(config);
    auto read = authenticity::read_keyring(folder, passphrase);
    if (!read && read.error().code != Errc::NotFound) return read.error();
    const auto keyring = read ? read->keyring : authenticity::Keyring();
    if (read) {
        for (const auto& problem : read->problems)
            std::cerr << "graphhook: warning: " << for_log(problem, 1'000) << '\n';
    }
    const auto known = ask_store(config, keyring);
    if (!known) return known.error();
    auto rows = key_rows(
        keyring, known->in_use, known->last_used, known->oldest_notification,
        config.keys.retire_after, real_clock().system_now()
    );
    if (const auto retired = authenticity::read_retired_keys(folder, passphrase)) {
        for (auto& row : retired_rows(retired->keyring)) rows.push_back(std::move(row));
    }
    return to_json_array(rows);
}

/// As the running `serve` says; without one as folder and store say.
struct Rows {
    bool running = false;
    json::array rows;
};
Result<Rows> ask_rows(AdminClient& client, const Config& config) {
    auto answer = client.call("GET", "/api/v1/keys", nullptr);
    if (answer) return Rows{true, std::move(answer->as_array())};
    if (answer.error().code != Errc::NotFound) return answer.error();
    auto rows = read_rows(config);
    if (!rows) return rows.error();
    return Rows{false, std::move(*rows)};
}

/// Made by root, a key belongs to whom the folder belongs to: the service, which has to read it. A
/// folder that was made with it goes to the owner of the folder above.
void give_to_service(const std::string& folder, const std::string& file, bool folder_is_new) {
    if (::geteuid() != 0) return;
    struct stat owner{};
    const auto above = std::filesystem::path(folder).parent_path();
    const auto& like = folder_is_new ? above.string() : folder;
    if (::stat(like.c_str(), &owner) != 0) return;
    bool given = ::lchown(file.c_str(), owner.st_uid, owner.st_gid) == 0;
    if (folder_is_new) given = ::lchown(folder.c_str(), owner.st_uid, owner.st_gid) == 0 && given;
    if (!given)
        std::cerr << fmt::format(
            "graphhook: warning: '{}' stays root's; the service has to be able to read it\n", file
        );
}

/// Now; but the next second, if the life of a key in the folder began in this one: certificates
/// tell seconds, and the later made key is to be the newer one.
SystemTime later_than_all(const Config& config) {
    const auto began = std::chrono::floor<std::chrono::seconds>(real_clock().system_now());
    const auto read = authenticity::read_keyring(config.keys.folder, passphrase_of(config));
    const bool taken = read && std::ranges::any_of(read->keyring.keys(), [&](const auto& key) {
                           return key->not_before == began;
                       });
    if (taken) std::this_thread::sleep_until(began + std::chrono::seconds(1));
    return real_clock().system_now();
}

Result<authenticity::EncryptionKeyPtr> make_key(const Config& config, const KeyArguments& wanted) {
    const auto& folder = config.keys.folder;
    const auto now = later_than_all(config);
    const bool folder_is_new = ::access(folder.c_str(), F_OK) != 0;
    authenticity::NewKey key;
    key.bits = wanted.bits;
    key.life = std::chrono::days(wanted.days);
    const auto day = "key-" + to_text(now).substr(0, 10);
    for (int number = 1; number <= kMostOfADay; ++number) {
        key.id = !wanted.id.empty() ? wanted.id
                 : number == 1      ? day
                                    : fmt::format("{}-{}", day, number);
        auto made = authenticity::create_key(folder, key, now);
        if (made) {
            give_to_service(folder, (*made)->file, folder_is_new);
            return made;
        }
        if (!wanted.id.empty() || made.error().code != Errc::Conflict) return made.error();
    }
    return fail(Errc::Conflict, "no id is free: give one with --id");
}

json::object described(const authenticity::EncryptionKey& key) {
    return {
        {"id", key.id},
        {"bits", key.bits},
        {"thumbprint", key.thumbprint},
        {"not_before", to_text(key.not_before)},
        {"not_after", to_text(key.not_after)},
        {"file", key.file},
    };
}

void say_made(const authenticity::EncryptionKey& key) {
    std::cout << fmt::format(
                     "made '{}' ({} bits, valid until {}): {}\n", key.id, key.bits,
                     to_text(key.not_after), key.file
                 )
              << std::flush;
}

std::string quoted_list(const json::array& rows, std::string_view state) {
    std::string text;
    for (const auto& row : rows) {
        if (row.at("state").as_string() != state) continue;
        if (!text.empty()) text += ", ";
        text += fmt::format("'{}'", std::string_view(row.at("id").as_string()));
    }
    return text;
}

/// When the keys that were replaced go.
void say_retirements(const json::array& rows) {
    for (const auto& row : rows) {
        const auto& state = row.at("state").as_string();
        if (state != "idle" && state != "waiting") continue;
        const auto* at = row.at("retire_at").if_string();
        std::cout << fmt::format(
            "'{}' stays {}and is then retired, once nothing that is stored can need it\n",
            std::string_view(row.at("id").as_string()),
            at != nullptr ? fmt::format("until {} ", std::string_view(*at)) : std::string()
        );
    }
}

/// Until nobody uses an older key. `last`: what was seen at the end.
ExitCode follow(AdminClient& client, json::array& last) {
    const Interrupts interrupts;
    ProgressDisplay display;
    RotationWatch watch;
    const auto began = std::chrono::steady_clock::now();
    for (;;) {
        const auto now =
            std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - began);
        const auto verdict = watch.take(last, now);
        display.show(watch.done(), watch.total(), watch.text(), now);
        if (verdict == RotationWatch::Verdict::Done) {
            display.end();
            return kDone;
        }
        if (verdict == RotationWatch::Verdict::Stuck) {
            display.end();
            std::cerr << "graphhook: nothing has moved for a quarter of an hour; 'graphhook serve' "
                         "keeps trying. 'graphhook subscriptions list' has the last errors.\n";
            say_tenants(client);
            return kFailed;
        }
        if (!Interrupts::wait(kBetween)) {
            display.end();
            std::cerr << "graphhook: not waiting any longer; 'graphhook serve' goes on with it. "
                         "'graphhook keys list' shows how far it is.\n";
            return kFailed;
        }
        auto answer = client.call("GET", "/api/v1/keys", nullptr);
        if (!answer) {
            display.end();
            return failed(answer.error());
        }
        last = std::move(answer->as_array());
    }
}

/// Whether `serve` took up the new key; says what is in the way.
bool is_taken_up(const json::array& rows, const std::string& id, const std::string& folder) {
    for (const auto& row : rows) {
        if (row.at("id").as_string() != id) continue;
        if (row.at("state").as_string() == "current") return true;
        std::cerr << fmt::format(
            "graphhook: 'graphhook serve' has '{}' and does not use it: another key is newer. "
            "See 'graphhook keys list', and this machine's clock.\n",
            id
        );
        return false;
    }
    std::cerr << fmt::format(
        "graphhook: 'graphhook serve' does not see '{}'. Does it read the folder '{}', and may its "
        "user read the file? Its log says more.\n",
        id, folder
    );
    return false;
}

void print_rotation(
    const CommandContext& context, const authenticity::EncryptionKey& made, const json::array& keys,
    bool complete
) {
    if (context.output != OutputFormat::Json) return;
    std::cout << json::serialize(
                     json::object{{"made", described(made)}, {"keys", keys}, {"complete", complete}}
                 )
              << std::endl;
}

}  // namespace

ExitCode create_key(const CommandContext& context, const KeyArguments& wanted) {
    const auto config = load_for_tools(context.config_path);
    if (!config) return kRefused;
    const auto made = make_key(*config, wanted);
    if (!made) return failed(made.error());
    if (context.output == OutputFormat::Json) {
        std::cout << json::serialize(described(**made)) << std::endl;
    } else {
        say_made(**made);
        std::cout << "A running 'graphhook serve' takes it up within ten seconds and moves "
                     "subscriptions to it; 'graphhook keys list' shows how far it is."
                  << std::endl;
    }
    return kDone;
}

ExitCode list_keys(const CommandContext& context) {
    const auto config = load_for_tools(context.config_path);
    if (!config) return kRefused;
    AdminClient client(config->admin.socket);
    const auto asked = ask_rows(client, *config);
    if (!asked) return failed(asked.error());
    print_rows(context.output, kColumns, asked->rows);
    if (asked->rows.empty())
        std::cerr << fmt::format(
            "graphhook: there are no keys in '{}'; 'graphhook keys create' makes one\n",
            config->keys.folder
        );
    return kDone;
}

ExitCode rotate_keys(
    const CommandContext& context, const KeyArguments& wanted, bool force, bool wait
) {
    const auto config = load_for_tools(context.config_path);
    if (!config) return kRefused;
    AdminClient client(config->admin.socket);
    const auto before = ask_rows(client, *config);
    if (!before) return failed(before.error());
    if (const auto unfinished = unfinished_rotation(before->rows); unfinished && !force) {
        std::cerr << fmt::format(
            "graphhook: the last rotation is not complete: {} subscriptions still use '{}'. See "
            "'graphhook keys list' and 'graphhook subscriptions list'; --force rotates again all "
            "the same.\n",
            unfinished->subscriptions, unfinished->key
        );
        return kFailed;
    }
    const auto made = make_key(*config, wanted);
    if (!made) return failed(made.error());
    const auto& key = **made;
    const bool table = context.output == OutputFormat::Table;
    if (table) say_made(key);
    if (!before->running) {
        if (table) {
            const auto old = quoted_list(before->rows, "current");
            std::cout << "'graphhook serve' is not running: when it starts, new subscriptions use "
                         "the new key"
                      << (old.empty() ? std::string()
                                      : fmt::format(", and those of {} are moved to it", old))
                      << std::endl;
        }
        print_rotation(context, key, before->rows, false);
        return kDone;
    }
    auto looked = client.call("POST", "/api/v1/keys/look", json::object());
    if (!looked) return failed(looked.error());
    auto& rows = looked->as_array();
    if (!is_taken_up(rows, key.id, config->keys.folder)) return kFailed;
    if (!wait) {
        if (table) std::cout << "'graphhook serve' moves subscriptions to it" << std::endl;
        print_rotation(context, key, rows, !unfinished_rotation(rows));
        return kDone;
    }
    const auto ended = follow(client, rows);
    print_rotation(context, key, rows, ended == kDone);
    if (ended == kDone && table) {
        std::cout << "done: every subscription with resource data uses the new key\n";
        say_retirements(rows);
        std::cout << std::flush;
    }
    return ended;
}

}  // namespace graphhook::app
