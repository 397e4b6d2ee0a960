#include "core/http_client.hpp"

#include <curl/curl.h>
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <mutex>

namespace graphhook {
namespace {

struct EasyDeleter {
    void operator()(CURL* easy) const { ::curl_easy_cleanup(easy); }
};
struct ListDeleter {
    void operator()(curl_slist* list) const { ::curl_slist_free_all(list); }
};
using Easy = std::unique_ptr<CURL, EasyDeleter>;
using List = std::unique_ptr<curl_slist, ListDeleter>;

struct Transfer {
    HttpResponse response;
    std::size_t max_bytes = 0;
    bool cut = false;
    bool too_large = false;
    std::stop_token stop;
};

std::size_t on_body(char* data, std::size_t size, std::size_t count, void* user) {
    auto& transfer = *static_cast<Transfer*>(user);
    const std::size_t bytes = size * count;
    if (transfer.response.body.size() + bytes > transfer.max_bytes) {
        if (transfer.cut) return bytes;
        transfer.too_large = true;
        return 0;
    }
    transfer.response.body.append(data, bytes);
    return bytes;
}

std::size_t on_header(char* data, std::size_t size, std::size_t count, void* user) {
    auto& transfer = *static_cast<Transfer*>(user);
    std::string_view line(data, size * count);
    const std::size_t bytes = line.size();
    if (line.starts_with("HTTP/")) {  // an interim answer's headers are not the answer's
        transfer.response.headers.clear();
        return bytes;
    }
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) return bytes;
    std::string name(line.substr(0, colon));
    std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) {
        return std::tolower(c);
    });
    auto value = line.substr(colon + 1);
    while (!value.empty() && std::isspace(static_cast<unsigned char>(value.front())))
        value.remove_prefix(1);
    while (!value.empty() && std::isspace(static_cast<unsigned char>(value.back())))
        value.remove_suffix(1);
    transfer.response.headers.emplace_back(std::move(name), std::string(value));
    return bytes;
}

int on_progress(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
    return static_cast<Transfer*>(user)->stop.stop_requested() ? 1 : 0;
}

class CurlClient final : public HttpClient {
  public:
    explicit CurlClient(HttpClientOptions options) : options_(std::move(options)) {
        static const bool initialised = ::curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
        if (!initialised) std::terminate();
    }

    Result<HttpResponse> send(const HttpRequest& request, std::stop_token stop) override {
        Easy easy = take();
        char error_text[CURL_ERROR_SIZE] = "";
        Transfer transfer;
        transfer.max_bytes = options_.max_response_bytes;
        transfer.cut = options_.cut_long_responses;
        transfer.stop = std::move(stop);
        CURL* const c = easy.get();
        ::curl_easy_reset(c);
        ::curl_easy_setopt(c, CURLOPT_URL, request.url.c_str());
        ::curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
        ::curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
        ::curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
        ::curl_easy_setopt(
            c, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(options_.connect_timeout.count())
        );
        const auto timeout = request.timeout.count() > 0 ? request.timeout : options_.timeout;
        ::curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, static_cast<long>(timeout.count()));
        ::curl_easy_setopt(c, CURLOPT_ERRORBUFFER, error_text);
        ::curl_easy_setopt(c, CURLOPT_USERAGENT, options_.user_agent.c_str());
        ::curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
        ::curl_easy_setopt(c, CURLOPT_WRITEDATA, &transfer);
        ::curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header);
        ::curl_easy_setopt(c, CURLOPT_HEADERDATA, &transfer);
        ::curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
        ::curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, on_progress);
        ::curl_easy_setopt(c, CURLOPT_XFERINFODATA, &transfer);
        if (!options_.use_proxy) ::curl_easy_setopt(c, CURLOPT_PROXY, "");
        if (!options_.ca_file.empty())
            ::curl_easy_setopt(c, CURLOPT_CAINFO, options_.ca_file.c_str());
        ::curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, request.method.c_str());
        if (request.method == "HEAD") ::curl_easy_setopt(c, CURLOPT_NOBODY, 1L);
        if (!request.body.empty() || request.method == "POST" || request.method == "PATCH" ||
            request.method == "PUT") {
            ::curl_easy_setopt(
                c, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size())
            );
            ::curl_easy_setopt(c, CURLOPT_POSTFIELDS, request.body.data());
        }
        List headers;
        const auto add = [&headers](const std::string& line) {
            curl_slist* longer = ::curl_slist_append(headers.get(), line.c_str());
            if (longer == nullptr) throw std::bad_alloc();
            (void)headers.release();
            headers.reset(longer);
        };
        add("Expect:");  // no round trip before a small body
        for (const auto& [name, value] : request.headers) add(fmt::format("{}: {}", name, value));
        if (!request.bearer.empty())
            add(fmt::format("Authorization: Bearer {}", request.bearer.reveal()));
        ::curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers.get());

        const CURLcode code = ::curl_easy_perform(c);
        long status = 0;
        ::curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
        give_back(std::move(easy));
        if (transfer.too_large) return fail(Errc::Full, "the answer's body is too large");
        if (code == CURLE_ABORTED_BY_CALLBACK) return fail(Errc::Aborted, "stopped");
        if (code != CURLE_OK) {
            return fail(
                Errc::Unreachable, error_text[0] != '\0' ? error_text : ::curl_easy_strerror(code)
            );
        }
        transfer.response.status = static_cast<int>(status);
        return std::move(transfer.response);
    }

  private:
    Easy take() {
        const std::lock_guard lock(mutex_);
        if (!idle_.empty()) {
            Easy easy = std::move(idle_.back());
            idle_.pop_back();
            return easy;
        }
        Easy easy(::curl_easy_init());
        if (!easy) throw std::bad_alloc();
        return easy;
    }
    void give_back(Easy easy) {
        // The handle keeps its connection for the next request; what it held of this one goes.
        ::curl_easy_reset(easy.get());
        const std::lock_guard lock(mutex_);
        if (static_cast<long>(idle_.size()) < options_.max_idle_connections)
            idle_.push_back(std::move(easy));
    }

    const HttpClientOptions options_;
    std::mutex mutex_;
    std::vector<Easy> idle_;  // guarded by mutex_
};

}  // namespace

std::optional<std::string_view> HttpResponse::header(std::string_view name) const {
    for (const auto& [key, value] : headers) {
        if (key == name) return value;
    }
    return std::nullopt;
}

std::unique_ptr<HttpClient> make_http_client(HttpClientOptions options) {
    return std::make_unique<CurlClient>(std::move(options));
}

std::string percent_encode(std::string_view text) {
    std::string encoded;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (std::isalnum(byte) != 0 || c == '-' || c == '.' || c == '_' || c == '~') {
            encoded += c;
        } else {
            encoded += fmt::format("%{:02X}", byte);
        }
    }
    return encoded;
}

}  // namespace graphhook
