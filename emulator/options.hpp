#pragma once

#include "emulator/identity/options.hpp"
#include "emulator/registry.hpp"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace graphhook::emulator {

/// How the emulator runs; the command line fills it. Durations are Graph's own: those marked
/// "scaled" are divided by `time_scale`.
struct Options {
    std::string host = "127.0.0.1";
    std::uint16_t port = 8443;
    std::size_t connections_in = 1'024;

    /// PEM files to serve TLS with; empty: a certificate signed by our own authority.
    std::filesystem::path certificate;
    std::filesystem::path key;
    /// Where our own authority is kept.
    std::filesystem::path certificates_directory;
    /// Plain HTTP on a loopback address, and http:// notification URLs on loopback.
    bool insecure_http = false;
    /// PEM file of the authorities that receivers' certificates are checked with, besides our own
    /// and the system's.
    std::filesystem::path receiver_ca;
    /// As Graph, which cannot reach an endpoint that speaks TLS 1.3 only (protocol 2.9).
    bool receiver_tls13 = false;

    IdentityOptions identity;
    /// Plain HTTP on 127.0.0.1 for managed identities: the port, 0 takes a free one; absent: none.
    std::optional<std::uint16_t> managed_identity_port;

    Duplicates duplicates = Duplicates::Accept;
    /// More subscriptions than this are refused.
    std::size_t most_subscriptions = 1'000'000;
    /// Limits by kind (protocol 4.1), besides those of mailboxes.
    bool kind_limits = true;
    /// Requests beyond Graph's quotas (protocol 5.10) are answered 429. They are counted in any
    /// case. Spans are never scaled.
    bool quotas = false;
    /// What is drawn is the same for the same seed.
    std::uint64_t seed = 1;
    bool validate_updates = true;
    std::size_t page_size = 100;
    /// A user notification in {"notification":{…}} is taken, too.
    bool wrapped_notifications = false;
    /// Of a user notification's content, each field in bytes.
    std::size_t most_content_bytes = 4'096;
    /// Objects in a page of data that is asked for without $top, and with it at most.
    std::size_t data_page_size = 100;
    std::size_t most_in_page = 999;
    /// How long a delta's links live: of users and groups; of everything else, nothing: for ever.
    std::optional<std::chrono::milliseconds> directory_delta_life = std::chrono::days(7);
    std::optional<std::chrono::milliseconds> delta_life;
    std::chrono::milliseconds shortest_life = std::chrono::minutes(45);  // scaled

    /// So many emulated seconds pass in a real one.
    double time_scale = 1;
    std::size_t batch = 20;
    std::size_t connections_out = 8;
    std::size_t queue = 100'000;
    std::size_t ledger = 100'000;
    /// These three measure the receiver and are never scaled.
    std::chrono::milliseconds handshake_timeout{10'000};
    std::chrono::milliseconds first_timeout{3'000};
    std::chrono::milliseconds retry_timeout{10'000};
    std::chrono::milliseconds first_retry = std::chrono::seconds(10);  // scaled
    std::chrono::milliseconds give_up_after = std::chrono::hours(4);   // scaled
    std::chrono::milliseconds window = std::chrono::minutes(10);       // scaled
    std::chrono::milliseconds slow_delay = std::chrono::minutes(10);   // scaled
    /// `missed` goes out by itself after notifications were dropped or given up.
    bool send_missed = true;
};

}  // namespace graphhook::emulator
