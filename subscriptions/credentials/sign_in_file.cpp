#include "subscriptions/credentials/sign_in_file.hpp"

#include "subscriptions/credentials/token_request.hpp"

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

namespace graphhook::subscriptions {
namespace {

namespace json = boost::json;

constexpr std::size_t kMostBytes = 256u * 1024u;

class Descriptor {
  public:
    explicit Descriptor(int number) noexcept : number_(number) {}
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    ~Descriptor() {
        if (number_ >= 0) ::close(number_);
    }
    [[nodiscard]] int get() const noexcept { return number_; }
    [[nodiscard]] explicit operator bool() const noexcept { return number_ >= 0; }

  private:
    int number_;
};

Error failed(const std::string& path, std::string_view doing) {
    const int reason = errno;
    return fail(
        reason == ENOSPC || reason == EDQUOT ? Errc::Full : Errc::Failed,
        fmt::format("{}: {}: {}", path, doing, std::strerror(reason))
    );
}

std::string folder_of(const std::string& path) {
    const auto slash = path.rfind('/');
    if (slash == std::string::npos) return ".";
    return slash == 0 ? "/" : path.substr(0, slash);
}

std::string text_of(const json::object& object, std::string_view key) {
    const json::value* value = object.if_contains(key);
    if (value == nullptr || !value->is_string()) return {};
    return std::string(value->get_string());
}

bool write_all(int file, std::string_view text) {
    while (!text.empty()) {
        const ssize_t wrote = ::write(file, text.data(), text.size());
        if (wrote < 0 && errno == EINTR) continue;
        if (wrote < 0) return false;
        text.remove_prefix(static_cast<std::size_t>(wrote));
    }
    return true;
}

}  // namespace

Result<SignIn> read_sign_in(const std::string& path) {
    const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    if (!file) {
        if (errno == ENOENT)
            return fail(Errc::NotFound, path + ": nobody has signed in: run graphhook login");
        if (errno == ELOOP)
            return fail(Errc::BadInput, path + ": a symbolic link, which is not followed");
        return fail(Errc::BadInput, fmt::format("{}: {}", path, std::strerror(errno)));
    }
    struct stat status{};
    if (::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode))
        return fail(Errc::BadInput, path + ": not a file");
    if (status.st_uid != ::geteuid())
        return fail(Errc::BadInput, path + ": belongs to another user: give it to ours (chown)");
    if ((status.st_mode & 077U) != 0)
        return fail(
            Errc::BadInput, path +
                                ": others may read it: chmod 600 it, and sign in anew "
                                "if somebody may have"
        );
    std::string text(kMostBytes, '\0');
    std::size_t size = 0;
    while (size < text.size()) {
        const ssize_t got = ::read(file.get(), text.data() + size, text.size() - size);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return failed(path, "reading");
        if (got == 0) break;
        size += static_cast<std::size_t>(got);
    }
    boost::system::error_code bad;
    const json::value document = json::parse(std::string_view(text).substr(0, size), bad);
    wipe(text);
    SignIn sign_in;
    if (!bad && document.is_object()) {
        sign_in.refresh_token = Secret(text_of(document.get_object(), "refresh_token"));
        sign_in.client_id = text_of(document.get_object(), "client_id");
        sign_in.scope = text_of(document.get_object(), "scope");
    }
    if (sign_in.refresh_token.empty())
        return fail(Errc::BadInput, path + ": holds no sign-in: run graphhook login");
    return sign_in;
}

Result<std::monostate> store_sign_in(const std::string& path, const SignIn& sign_in) {
    std::string text = json::serialize(json::object{
        {"client_id", sign_in.client_id},
        {"scope", sign_in.scope},
        {"refresh_token", sign_in.refresh_token.reveal()}
    });
    text += '\n';
    const std::string beside = path + ".new";
    bool written = false;
    {
        (void)::unlink(beside.c_str());
        const Descriptor file(
            ::open(beside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600)
        );
        if (!file) {
            wipe(text);
            return failed(beside, "creating");
        }
        written = ::fchmod(file.get(), 0600) == 0 && write_all(file.get(), text) &&
                  ::fsync(file.get()) == 0;
        wipe(text);
    }
    if (!written || ::rename(beside.c_str(), path.c_str()) != 0) {
        Error error = failed(beside, "writing");
        (void)::unlink(beside.c_str());
        return error;
    }
    const std::string folder = folder_of(path);
    const Descriptor flushed(::open(folder.c_str(), O_RDONLY | O_CLOEXEC | O_DIRECTORY));
    if (!flushed || ::fsync(flushed.get()) != 0) return failed(folder, "flushing");
    return std::monostate{};
}

Result<SignInLock> SignInLock::take(
    const std::string& path, const Wait& wait, const std::stop_token& stop,
    std::chrono::milliseconds most
) {
    const std::string name = path + ".lock";
    const int file = ::open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (file < 0)
        return failed(name, "the folder must be writable, since renewed sign-ins are stored there");
    SignInLock lock(file);
    constexpr std::chrono::milliseconds kStep(50);
    for (std::chrono::milliseconds waited{0};; waited += kStep) {
        if (::flock(file, LOCK_EX | LOCK_NB) == 0) return lock;
        if (errno != EWOULDBLOCK && errno != EINTR) return failed(name, "locking");
        if (waited >= most) return fail(Errc::Locked, name + ": held by another process");
        if (!wait(kStep, stop)) return fail(Errc::Aborted, "stopped");
    }
}

SignInLock::~SignInLock() {
    if (file_ >= 0) ::close(file_);
}

}  // namespace graphhook::subscriptions
