#pragma once

#include <boost/json/array.hpp>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <tuple>

namespace graphhook::emulator {

/// Token requests by tenant, client and grant: tests see by it whether a client keeps its tokens.
/// One thread.
class TokenCounts {
  public:
    void add(std::string_view tenant, std::string_view client, std::string_view grant, bool issued);
    /// [{"tenant":…,"clientId":…,"grant":…,"requests":3,"issued":2,"refused":1}]
    [[nodiscard]] boost::json::array to_json() const;
    void clear() { counts_.clear(); }

  private:
    struct Count {
        std::uint64_t issued = 0;
        std::uint64_t refused = 0;
    };
    std::map<std::tuple<std::string, std::string, std::string>, Count> counts_;
};

}  // namespace graphhook::emulator
