#pragma once

#include "emulator/caller.hpp"
#include "emulator/data/delta.hpp"
#include "emulator/faults.hpp"
#include "emulator/http.hpp"
#include "emulator/rules.hpp"

#include <string>
#include <string_view>

namespace graphhook::emulator {

/// Reads what is behind the notifications: collections page by page, single objects, deltas
/// (protocol 8). One thread.
class DataApi {
  public:
    struct Options {
        PageSizes pages;
        DeltaLives lives;
    };
    DataApi(Options options, World& world, Faults& faults, Clock& clock)
        : options_(options), world_(world), faults_(faults), clock_(clock) {}

    /// `path` is what follows the version. Nothing if there is no such collection.
    [[nodiscard]] std::optional<Response> handle(
        const Request& request, std::string_view path, const Caller& caller, ApiVersion version,
        const RequestIds& ids
    );

    /// "v1.0" or "beta", and what follows; nothing if the path starts otherwise.
    struct Split {
        ApiVersion version = ApiVersion::V1;
        std::string_view rest;
    };
    [[nodiscard]] static std::optional<Split> split(std::string_view path);

  private:
    struct Ask;
    [[nodiscard]] ApiResult<Response> answer(const Ask& ask);
    [[nodiscard]] ApiResult<Response> list(const Ask& ask);
    [[nodiscard]] ApiResult<Response> one(const Ask& ask);
    [[nodiscard]] ApiResult<Response> delta(const Ask& ask);
    [[nodiscard]] Response gone(const Ask& ask, const DeltaAsk& delta, const Fault* fault) const;
    [[nodiscard]] ApiResult<Response> presences(
        const Request& request, const Caller& caller, ApiVersion version
    );

    const Options options_;
    World& world_;
    Faults& faults_;
    Clock& clock_;
};

}  // namespace graphhook::emulator
