// graphhook-load: POSTs over TLS keep-alive connections, each body with numbers of its own.
//
// h2load sends the same bytes again and again; a receiver that recognises repeats would then be
// measured while it drops them. Here every run of eight or more '@' in the body is replaced by a
// number that was never sent before, in the same width. Closed loop without --rate; with it open
// loop: requests fall due at even distances whatever the replies do, and their time counts from
// when they were due. One thread; prints one JSON object.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <fcntl.h>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <unistd.h>
#include <utility>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

struct Options {
    std::uint16_t port = 0;
    std::string path = "/";
    std::string body_file;
    std::size_t connections = 64;
    double warm_up = 1;          // seconds, not counted
    double seconds = 10;         // counted
    double rate = 0;             // requests a second; 0: closed loop
    std::uint64_t requests = 0;  // end after so many; 0: by time
};

[[noreturn]] void die(const std::string& why) {
    std::fprintf(stderr, "graphhook-load: %s\n", why.c_str());
    std::exit(1);
}

Options parse(int argc, char** argv) {
    Options options;
    for (int i = 1; i + 1 < argc; i += 2) {
        const std::string_view name = argv[i];
        const std::string value = argv[i + 1];
        if (name == "--port")
            options.port = static_cast<std::uint16_t>(std::stoi(value));
        else if (name == "--path")
            options.path = value;
        else if (name == "--body")
            options.body_file = value;
        else if (name == "--connections")
            options.connections = std::stoul(value);
        else if (name == "--warm-up")
            options.warm_up = std::stod(value);
        else if (name == "--seconds")
            options.seconds = std::stod(value);
        else if (name == "--rate")
            options.rate = std::stod(value);
        else if (name == "--requests")
            options.requests = std::stoull(value);
        else
            die("unknown option " + std::string(name));
    }
    if (options.port == 0 || options.body_file.empty() || options.connections == 0) {
        die("usage: --port N --path P --body FILE [--connections 64] [--warm-up 1] [--seconds 10] "
            "[--rate R] [--requests N]");
    }
    return options;
}

/// The request's bytes, with the places where numbers go.
class Template {
  public:
    Template(const Options& options) {
        std::ifstream file(options.body_file);
        const std::string body{std::istreambuf_iterator<char>(file), {}};
        if (body.empty()) die("cannot read " + options.body_file);
        bytes_ = "POST " + options.path +
                 " HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                 "Content-Length: " +
                 std::to_string(body.size()) + "\r\n\r\n" + body;
        for (std::size_t at = bytes_.find("@@@@@@@@"); at != std::string::npos;
             at = bytes_.find("@@@@@@@@", at)) {
            const std::size_t end = std::min(bytes_.find_first_not_of('@', at), bytes_.size());
            places_.emplace_back(at, end - at);
            at = end;
        }
        // Different from run to run, so that a store that outlives a run sees no repeats either.
        number_ = std::uint64_t{std::random_device{}()} << 20;
    }

    const std::string& next() {
        for (const auto& [at, width] : places_) {
            std::uint64_t rest = ++number_;
            for (std::size_t i = width; i-- > 0; rest /= 10) {
                bytes_[at + i] = static_cast<char>('0' + rest % 10);
            }
        }
        return bytes_;
    }

  private:
    std::string bytes_;
    std::vector<std::pair<std::size_t, std::size_t>> places_;
    std::uint64_t number_ = 0;
};

struct SslFree {
    void operator()(SSL* ssl) const { SSL_free(ssl); }
    void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};

struct Connection {
    int fd = -1;
    std::unique_ptr<SSL, SslFree> ssl;
    std::string out;  // what SSL_write has yet to take
    std::string in;
    Clock::time_point due;
    bool busy = false;
};

/// Times in microseconds, the nearest 1/64.
class Times {
  public:
    void add(Clock::duration time) {
        const auto us = std::chrono::duration_cast<std::chrono::microseconds>(time).count();
        ++classes_[class_of(static_cast<std::uint64_t>(std::max<std::int64_t>(us, 0)))];
        ++count_;
    }
    [[nodiscard]] double quantile_ms(double q) const {
        const auto wanted = static_cast<std::uint64_t>(q * static_cast<double>(count_));
        std::uint64_t seen = 0;
        for (const auto& [us, times] : classes_) {
            seen += times;
            if (seen > wanted || seen == count_) return static_cast<double>(us) / 1000;
        }
        return 0;
    }

  private:
    static std::uint64_t class_of(std::uint64_t us) {
        std::uint64_t step = 1;
        while (us / step > 64) step *= 2;
        return us / step * step;
    }
    std::map<std::uint64_t, std::uint64_t> classes_;
    std::uint64_t count_ = 0;
};

class Load {
  public:
    explicit Load(const Options& options)
        : options_(options), request_(options), context_(SSL_CTX_new(TLS_client_method())) {
        SSL_CTX_set_mode(
            context_.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER
        );
        epoll_ = epoll_create1(0);
        connections_.resize(options.connections);
        for (std::size_t i = 0; i < connections_.size(); ++i) connect(i);
    }

    void run() {
        const auto begin = Clock::now();
        from_ = begin + seconds(options_.warm_up);
        to_ = options_.requests != 0 ? Clock::time_point::max() : from_ + seconds(options_.seconds);
        next_due_ = begin;
        for (std::size_t i = 0; i < connections_.size(); ++i) idle_.push_back(i);
        auto now = begin;
        while (now < to_ && !done()) {
            start_due(now);
            wait(now);
            now = Clock::now();
        }
        const auto end = std::min(now, to_);
        print(std::chrono::duration<double>(end - (options_.requests != 0 ? begin : from_)).count()
        );
    }

  private:
    static Clock::duration seconds(double value) {
        return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(value));
    }

    [[nodiscard]] bool done() const {
        return options_.requests != 0 && finished_ >= options_.requests;
    }

    void connect(std::size_t index) {
        Connection& connection = connections_[index];
        connection = Connection{};
        connection.fd = socket(AF_INET, SOCK_STREAM, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(options_.port);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        if (::connect(connection.fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
            die("cannot connect");
        }
        const int one = 1;
        setsockopt(connection.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        connection.ssl.reset(SSL_new(context_.get()));
        SSL_set_fd(connection.ssl.get(), connection.fd);
        SSL_set_tlsext_host_name(connection.ssl.get(), "localhost");
        if (SSL_connect(connection.ssl.get()) != 1) die("TLS handshake failed");
        fcntl(connection.fd, F_SETFL, O_NONBLOCK);
        epoll_event event{};
        event.events = EPOLLIN | EPOLLOUT | EPOLLET;
        event.data.u64 = index;
        epoll_ctl(epoll_, EPOLL_CTL_ADD, connection.fd, &event);
    }

    /// Starts what is due, as far as there are idle connections.
    void start_due(Clock::time_point now) {
        while (!idle_.empty()) {
            if (options_.requests != 0 && started_ >= options_.requests) return;
            auto due = now;
            if (options_.rate > 0) {
                if (next_due_ > now) return;
                due = next_due_;
                next_due_ += seconds(1 / options_.rate);
            }
            const std::size_t index = idle_.front();
            idle_.pop_front();
            Connection& connection = connections_[index];
            connection.busy = true;
            connection.due = due;
            connection.out = request_.next();
            ++started_;
            write(index);
        }
    }

    void wait(Clock::time_point now) {
        int timeout = 100;
        if (options_.rate > 0 && !idle_.empty()) {
            // Finer than a millisecond by asking again at once.
            timeout = next_due_ > now + std::chrono::milliseconds(2) ? 1 : 0;
        }
        std::array<epoll_event, 128> events{};
        const int count =
            epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), timeout);
        for (int i = 0; i < count; ++i) {
            const auto index =
                static_cast<std::size_t>(events[static_cast<std::size_t>(i)].data.u64);
            if (!connections_[index].out.empty()) write(index);
            read(index);
        }
    }

    void write(std::size_t index) {
        Connection& connection = connections_[index];
        while (!connection.out.empty()) {
            const int n = SSL_write(
                connection.ssl.get(), connection.out.data(), static_cast<int>(connection.out.size())
            );
            if (n <= 0) {
                const int error = SSL_get_error(connection.ssl.get(), n);
                if (error != SSL_ERROR_WANT_WRITE && error != SSL_ERROR_WANT_READ) lost(index);
                return;
            }
            connection.out.erase(0, static_cast<std::size_t>(n));
        }
    }

    void read(std::size_t index) {
        std::array<char, 16384> buffer{};
        while (true) {
            Connection& connection = connections_[index];
            const int n =
                SSL_read(connection.ssl.get(), buffer.data(), static_cast<int>(buffer.size()));
            if (n <= 0) {
                const int error = SSL_get_error(connection.ssl.get(), n);
                if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) lost(index);
                return;
            }
            connection.in.append(buffer.data(), static_cast<std::size_t>(n));
            if (take_reply(connection)) idle_.push_back(index);
        }
    }

    /// True when a whole reply was there.
    bool take_reply(Connection& connection) {
        const std::size_t end = connection.in.find("\r\n\r\n");
        if (end == std::string::npos || !connection.busy) return false;
        std::string header = connection.in.substr(0, end);
        std::transform(header.begin(), header.end(), header.begin(), [](char c) {
            return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
        });
        std::size_t length = 0;
        if (const auto at = header.find("content-length:"); at != std::string::npos) {
            const auto digits = header.find_first_of("0123456789", at);
            std::from_chars(header.data() + digits, header.data() + header.size(), length);
        }
        if (connection.in.size() < end + 4 + length) return false;
        const auto now = Clock::now();
        ++finished_;
        if (options_.requests != 0 || (now >= from_ && now < to_)) {
            ++statuses_[header.substr(9, 3)];
            times_.add(now - connection.due);
        }
        connection.in.clear();
        connection.busy = false;
        return true;
    }

    void lost(std::size_t index) {
        Connection& connection = connections_[index];
        ++lost_;
        if (lost_ > 1000) die("the peer closes every connection");
        const bool was_busy = connection.busy;
        close(connection.fd);
        connect(index);
        if (was_busy) {
            --started_;
            idle_.push_back(index);
        }
    }

    void print(double took) const {
        std::uint64_t count = 0;
        std::string statuses;
        for (const auto& [status, times] : statuses_) {
            count += times;
            statuses += (statuses.empty() ? "\"" : ",\"") + status + "\":" + std::to_string(times);
        }
        std::printf(
            "{\"requests\":%llu,\"seconds\":%.3f,\"rate\":%.1f,\"statuses\":{%s},\"connections_"
            "lost\":%llu,"
            "\"p50_ms\":%.3f,\"p99_ms\":%.3f,\"p999_ms\":%.3f}\n",
            static_cast<unsigned long long>(count), took, static_cast<double>(count) / took,
            statuses.c_str(), static_cast<unsigned long long>(lost_), times_.quantile_ms(0.5),
            times_.quantile_ms(0.99), times_.quantile_ms(0.999)
        );
    }

    const Options options_;
    Template request_;
    std::unique_ptr<SSL_CTX, SslFree> context_;
    int epoll_ = -1;
    std::vector<Connection> connections_;
    std::deque<std::size_t> idle_;
    Clock::time_point from_, to_, next_due_;
    std::uint64_t started_ = 0;
    std::uint64_t finished_ = 0;
    std::uint64_t lost_ = 0;
    std::map<std::string, std::uint64_t> statuses_;
    Times times_;
};

}  // namespace

int main(int argc, char** argv) {
    Load(parse(argc, argv)).run();
    return 0;
}
