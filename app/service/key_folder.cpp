#include "app/service/key_folder.hpp"

#include "core/base64.hpp"
#include "core/log.hpp"
#include "core/time_text.hpp"

#include <fmt/format.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>

#include <algorithm>
#include <unistd.h>
#include <utility>

namespace graphhook::app {
namespace {

constexpr std::chrono::seconds kBetweenLooks{10};
constexpr std::chrono::seconds kBetweenSettlings{60};
/// A use is written down at most so often.
constexpr std::chrono::hours kWriteEvery{1};

/// `fresh`, and of `old` what is not in it although its file is still there: it could not be read
/// now, and was read before.
authenticity::Keyring with_kept(
    const authenticity::Keyring& fresh, const authenticity::Keyring& old
) {
    auto keys = fresh.keys();
    for (const auto& key : old.keys()) {
        const bool there = std::any_of(fresh.keys().begin(), fresh.keys().end(), [&](auto& one) {
            return one->id == key->id || one->file == key->file;
        });
        if (!there && ::access(key->file.c_str(), F_OK) == 0) keys.push_back(key);
    }
    return authenticity::Keyring(std::move(keys));
}

std::vector<std::string> prints(const authenticity::Keyring& keyring) {
    std::vector<std::string> all;
    for (const auto& key : keyring.keys()) all.push_back(key->id + ' ' + key->thumbprint);
    std::sort(all.begin(), all.end());
    return all;
}

}  // namespace

struct KeyFolder::Gauges {
    explicit Gauges(prometheus::Registry& registry)
        : expiry(prometheus::BuildGauge()
                     .Name("graphhook_encryption_certificate_expiry_timestamp_seconds")
                     .Help("End of the certificate that Graph encrypts with; the current one and "
                           "those that subscriptions still use")
                     .Register(registry)),
          keys(prometheus::BuildGauge()
                   .Name("graphhook_encryption_keys")
                   .Help("Encryption keys by how they stand")
                   .Register(registry)) {
        for (const auto state :
             {KeyState::Current, KeyState::InUse, KeyState::Idle, KeyState::Waiting,
              KeyState::Coming})
            by_state[state] = &keys.Add({{"state", std::string(to_string(state))}});
    }

    void show(const std::vector<KeyRow>& rows) {
        std::map<KeyState, double> counts;
        std::map<std::string, SystemTime> ends;
        for (const auto& row : rows) {
            // What is about to go still waits.
            counts[row.state == KeyState::Spent ? KeyState::Waiting : row.state] += 1;
            if (row.state == KeyState::Current || row.state == KeyState::InUse)
                ends[row.id] = row.not_after;
        }
        for (const auto& [state, gauge] : by_state) gauge->Set(counts[state]);
        for (auto shown = expiries.begin(); shown != expiries.end();) {
            if (ends.contains(shown->first)) {
                ++shown;
                continue;
            }
            expiry.Remove(shown->second);
            shown = expiries.erase(shown);
        }
        for (const auto& [id, end] : ends) {
            auto& gauge = expiries[id];
            if (gauge == nullptr) gauge = &expiry.Add({{"certificate", id}});
            gauge->Set(std::chrono::duration<double>(end.time_since_epoch()).count());
        }
    }

    prometheus::Family<prometheus::Gauge>& expiry;
    prometheus::Family<prometheus::Gauge>& keys;
    std::map<KeyState, prometheus::Gauge*> by_state;
    std::map<std::string, prometheus::Gauge*> expiries;
};

KeyFolder::KeyFolder(KeysOptions options, Parts parts)
    : options_(std::move(options)),
      parts_(std::move(parts)),
      gauges_(std::make_unique<Gauges>(parts_.registry)),
      keyring_(std::make_shared<const authenticity::Keyring>()) {
}

KeyFolder::~KeyFolder() {
    stop();
}

void KeyFolder::read() {
    const std::lock_guard lock(looking_);
    read_folder();
    const auto key = keyring()->current(parts_.clock.system_now());
    current_ = key == nullptr ? std::string() : key->id;
    log().info(
        "keys folder={} keys={} current={}", for_log(options_.folder), keyring()->keys().size(),
        key == nullptr ? std::string("none") : for_log(current_)
    );
}

void KeyFolder::start() {
    if (!thread_.joinable())
        thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
}

void KeyFolder::stop() {
    if (!thread_.joinable()) return;
    thread_.request_stop();
    thread_.join();
}

std::shared_ptr<const authenticity::Keyring> KeyFolder::keyring() const {
    const std::lock_guard lock(mutex_);
    return keyring_;
}

std::optional<subscriptions::EncryptionCertificate> KeyFolder::certificate() const {
    const auto key = keyring()->current(parts_.clock.system_now());
    if (key == nullptr) return std::nullopt;
    return subscriptions::EncryptionCertificate{key->id, to_base64(key->der), key->not_after};
}

void KeyFolder::run(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
        tick();
        std::unique_lock lock(waiting_);
        wake_.wait_for(lock, stop, kBetweenLooks, [] { return false; });
    }
}

void KeyFolder::tick() {
    bool changed = false;
    {
        const std::lock_guard lock(looking_);
        if (authenticity::keyring_state(options_.folder) != state_) changed = read_folder();
        changed = note_current() || changed;
        if (changed || parts_.clock.steady_now() >= next_settling_) settle();
    }
    if (changed) parts_.on_change();
}

void KeyFolder::look() {
    bool changed = false;
    {
        const std::lock_guard lock(looking_);
        changed = read_folder();
        changed = note_current() || changed;
        settle();
    }
    if (changed) parts_.on_change();
}

/// True: another key is the current one than before; time alone may do that.
bool KeyFolder::note_current() {
    const auto key = keyring()->current(parts_.clock.system_now());
    auto id = key == nullptr ? std::string() : key->id;
    if (id == current_) return false;
    log().info(
        "keys current={} before={}", id.empty() ? std::string("none") : for_log(id),
        current_.empty() ? std::string("none") : for_log(current_)
    );
    current_ = std::move(id);
    return true;
}

/// True: the keys are others than before.
bool KeyFolder::read_folder() {
    // First the state: what changes while we read is seen at the next look.
    state_ = authenticity::keyring_state(options_.folder);
    const auto old = keyring();
    auto read = authenticity::read_keyring(options_.folder, options_.passphrase);
    std::string trouble;
    std::shared_ptr<const authenticity::Keyring> fresh = old;
    if (read) {
        fresh = std::make_shared<const authenticity::Keyring>(with_kept(read->keyring, *old));
        trouble = fmt::format("{}", fmt::join(read->problems, "; "));
    } else if (read.error().code != Errc::NotFound || !old->keys().empty()) {
        trouble = to_string(read.error());
    }
    if (trouble != trouble_) {
        if (!trouble.empty())
            log().error(
                "keys folder={} trouble={}", for_log(options_.folder), for_log(trouble, 1'000)
            );
        trouble_ = std::move(trouble);
    }
    const bool changed = prints(*fresh) != prints(*old);
    const std::lock_guard lock(mutex_);
    keyring_ = std::move(fresh);
    return changed;
}

/// Who uses what, and which keys may go.
void KeyFolder::settle() {
    next_settling_ = parts_.clock.steady_now() + kBetweenSettlings;
    const auto now = parts_.clock.system_now();
    const auto in_use = parts_.in_use();
    note_uses(in_use, now);
    auto all = rows(in_use, now);
    const bool any_spent =
        std::ranges::any_of(all, [](const KeyRow& row) { return row.state == KeyState::Spent; });
    // Who is in use may not be known yet, shortly after the start; the store knows.
    const auto stored = any_spent ? stored_uses() : std::nullopt;
    bool retired = false;
    for (const auto& row : all) {
        if (row.state != KeyState::Spent || !stored) continue;
        if (stored->contains(row.id) || stored->contains(std::string(kUnnamedCertificate))) {
            uses_[row.id].last = now;
            continue;
        }
        const auto ring = keyring();
        const auto key = ring->find(row.id, row.thumbprint);
        if (key == nullptr) continue;
        auto& use = uses_[row.id];
        if (const auto gone = authenticity::retire_key(*key); !gone) {
            if (!std::exchange(use.stuck, true))
                log().error(
                    "keys retire={} error={}", for_log(row.id), for_log(to_string(gone.error()))
                );
            continue;
        }
        log().info("keys retired={} last_used={}", for_log(row.id), to_text(use.last));
        if (const auto erased = write_note(row.id, ""); !erased)
            log().warn("keys note={} error={}", for_log(row.id), to_string(erased.error()));
        uses_.erase(row.id);
        retired = true;
    }
    if (retired) {
        read_folder();
        all = rows(in_use, now);
    }
    gauges_->show(all);
}

void KeyFolder::note_uses(const std::map<std::string, std::size_t>& in_use, SystemTime time) {
    // To the second, as it is written down and shown.
    const SystemTime now = std::chrono::floor<std::chrono::seconds>(time);
    const auto ring = keyring();
    const auto current = ring->current(now);
    const bool any = in_use.contains(std::string(kUnnamedCertificate));
    for (const auto& key : ring->keys()) {
        auto known = uses_.find(key->id);
        if (known == uses_.end()) {
            const auto note = wait_for<std::string>([&](Completion<std::string> done) {
                parts_.store.note(last_used_note(key->id), std::move(done));
            });
            // The store can not be asked now; without a word of its past the key stays.
            if (!note) continue;
            Use use;
            if (const auto written = parse_time(*note)) use.last = use.written = *written;
            // Never seen before: as if it was used until now.
            if (note->empty() || use.last == SystemTime{}) use.last = now;
            known = uses_.emplace(key->id, use).first;
        }
        auto& use = known->second;
        if (any || key == current || in_use.contains(key->id)) use.last = std::max(use.last, now);
        if (use.written != SystemTime{} && use.last - use.written < kWriteEvery) continue;
        if (write_note(key->id, to_text(use.last))) use.written = use.last;
    }
}

Result<std::monostate> KeyFolder::write_note(const std::string& id, std::string text) {
    return wait_for<std::monostate>([&](Completion<std::monostate> done) {
        parts_.store.put_note(last_used_note(id), std::move(text), std::move(done));
    });
}

std::vector<KeyRow> KeyFolder::rows(
    const std::map<std::string, std::size_t>& in_use, SystemTime now
) {
    std::map<std::string, SystemTime> last_used;
    for (const auto& [id, use] : uses_) last_used[id] = use.last;
    const auto ring = keyring();
    // With a single key there is nothing to decide.
    const auto oldest = ring->keys().size() > 1 ? oldest_notification() : std::nullopt;
    return key_rows(*ring, in_use, last_used, oldest, options_.retire_after, now);
}

/// Nothing: it can not be asked now.
std::optional<std::map<std::string, std::size_t>> KeyFolder::stored_uses() {
    using Records = std::vector<store::SubscriptionRecord>;
    const auto records = wait_for<Records>([&](Completion<Records> done) {
        parts_.store.subscriptions(std::move(done));
    });
    if (!records) return std::nullopt;
    return certificates_in_use(*records);
}

std::optional<SystemTime> KeyFolder::oldest_notification() {
    const auto stats = wait_for<store::StoreStats>([&](Completion<store::StoreStats> done) {
        parts_.store.stats(std::move(done));
    });
    // Not known: as if something were as old as can be, so that nothing is retired.
    return stats ? stats->oldest_notification : std::optional(SystemTime{});
}

std::vector<KeyRow> KeyFolder::list() {
    const std::lock_guard lock(looking_);
    const auto now = parts_.clock.system_now();
    const auto in_use = parts_.in_use();
    note_uses(in_use, now);
    auto all = rows(in_use, now);
    if (const auto retired =
            authenticity::read_retired_keys(options_.folder, options_.passphrase)) {
        for (auto& row : retired_rows(retired->keyring)) all.push_back(std::move(row));
    }
    return all;
}

}  // namespace graphhook::app
