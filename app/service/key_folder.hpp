#pragma once

#include "app/config/config.hpp"
#include "app/service/key_states.hpp"
#include "authenticity/keyring.hpp"
#include "core/clock.hpp"
#include "store/store.hpp"
#include "subscriptions/options.hpp"

#include <prometheus/registry.h>

#include <condition_variable>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace graphhook::app {

/// The encryption keys of this process: reads `keys.folder`, takes up what changes in it, says
/// which certificate new subscriptions use, and retires keys that nothing can need any more.
///
///     KeyFolder keys(config.keys, {store, clock, registry,
///                                  .in_use = [&] { return manager->certificates(); },
///                                  .on_change = [&] { manager->nudge(); }});
///     keys.read();    // before the manager and the opener are made: they ask from the start
///     ...             // manager: .certificate = [&] { return keys.certificate(); }
///     keys.start();   // after both: from now on `in_use` and `on_change` are called
///     keys.stop();    // before either goes
///
/// The admin API gets it as Api::Parts::keys. Metrics:
/// graphhook_encryption_certificate_expiry_timestamp_seconds{certificate} (the current one and
/// those in use), graphhook_encryption_keys{state}.
///
/// What can not be read is logged and costs nothing else: the folder, or a file of it, that was
/// read before stays as it was read, unless the file is gone. When a key was last used is in the
/// store's notes ("keys/last_used/ID"), written at most hourly for each.
///
/// Threads: all functions from any, but start, stop and the destructor belong to one. A thread of
/// its own looks at the folder every ten seconds. keyring() and certificate() never wait for a
/// disk.
class KeyFolder {
  public:
    struct Parts {
        store::Store& store;
        Clock& clock;
        prometheus::Registry& registry;
        /// Live subscriptions by certificate id. Called from this class's thread, and from those
        /// that call look() and list().
        std::function<std::map<std::string, std::size_t>()> in_use;
        /// The keys, or the current one of them, changed. Likewise.
        std::function<void()> on_change;
    };
    KeyFolder(KeysOptions options, Parts parts);
    ~KeyFolder();
    KeyFolder(const KeyFolder&) = delete;
    KeyFolder& operator=(const KeyFolder&) = delete;

    /// Reads the folder, calls nobody. A folder that is not there holds no keys.
    void read();
    void start();
    void stop();

    /// Never null.
    [[nodiscard]] std::shared_ptr<const authenticity::Keyring> keyring() const;
    /// Of the current key; nothing: there is none.
    [[nodiscard]] std::optional<subscriptions::EncryptionCertificate> certificate() const;

    /// Looks at the folder now, whether it seems changed or not, and settles who is in use.
    void look();
    /// What look() does where there is something to do. The thread calls it; so may a test.
    void tick();

    /// All keys that are not retired, for `keys list`; retired ones after them.
    [[nodiscard]] std::vector<KeyRow> list();

  private:
    struct Gauges;
    bool read_folder();
    bool note_current();
    void settle();
    void note_uses(const std::map<std::string, std::size_t>& in_use, SystemTime time);
    [[nodiscard]] Result<std::monostate> write_note(const std::string& id, std::string text);
    [[nodiscard]] std::vector<KeyRow> rows(
        const std::map<std::string, std::size_t>& in_use, SystemTime now
    );
    [[nodiscard]] std::optional<std::map<std::string, std::size_t>> stored_uses();
    [[nodiscard]] std::optional<SystemTime> oldest_notification();
    void run(const std::stop_token& stop);

    const KeysOptions options_;
    Parts parts_;
    std::unique_ptr<Gauges> gauges_;

    mutable std::mutex mutex_;  ///< Guards keyring_.
    std::shared_ptr<const authenticity::Keyring> keyring_;

    /// One look at a time; guards what follows. Never taken while mutex_ is held.
    std::mutex looking_;
    std::string state_, trouble_, current_;
    struct Use {
        SystemTime last;     ///< As far as this process knows.
        SystemTime written;  ///< As the store's note has it; zero: there is none.
        bool stuck = false;  ///< It could not be retired, which was said.
    };
    std::map<std::string, Use> uses_;
    SteadyTime next_settling_{};

    std::mutex waiting_;
    std::condition_variable_any wake_;
    std::jthread thread_;
};

}  // namespace graphhook::app
