#pragma once

#include "receiver/request.hpp"

#include <string>

namespace graphhook::receiver {

/// A call below /api/v1 that was let in.
struct AdminRequest {
    Method method = Method::Get;
    std::string path;   ///< What follows "/api/v1": "/dead-letters/replay". Not decoded.
    std::string query;  ///< What follows the '?', not decoded.
    std::string body;   ///< JSON, unchecked; empty for GET.
    std::string who;    ///< For the log: "unix uid=0", "repair token from 127.0.0.1".
    /// False: reading only. Methods other than GET and HEAD come through only with true.
    bool may_repair = false;
};

struct AdminReply {
    unsigned status = 200;
    std::string body;  ///< JSON.
};

/// What the command line and the console call; app implements it.
class AdminApi {
  public:
    virtual ~AdminApi() = default;
    /// Called on the admin listener's worker thread, one call at a time; may block. An exception is
    /// answered with 500.
    [[nodiscard]] virtual AdminReply call(const AdminRequest& request) = 0;
};

}  // namespace graphhook::receiver
