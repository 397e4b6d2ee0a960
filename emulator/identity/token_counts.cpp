#include "emulator/identity/token_counts.hpp"

#include <boost/json/object.hpp>

#include <utility>

namespace graphhook::emulator {
namespace {

constexpr std::size_t kMost = 10'000;

/// Strangers choose these texts.
std::string bounded(std::string_view text) {
    return std::string(text.substr(0, 128));
}

}  // namespace

void TokenCounts::add(
    std::string_view tenant, std::string_view client, std::string_view grant, bool issued
) {
    std::tuple key(bounded(tenant), bounded(client), bounded(grant));
    if (counts_.size() >= kMost && !counts_.contains(key))
        key = std::tuple("others", "others", "others");
    Count& count = counts_[std::move(key)];
    ++(issued ? count.issued : count.refused);
}

boost::json::array TokenCounts::to_json() const {
    boost::json::array list;
    for (const auto& [key, count] : counts_) {
        boost::json::object one;
        one["tenant"] = std::get<0>(key);
        one["clientId"] = std::get<1>(key);
        one["grant"] = std::get<2>(key);
        one["requests"] = count.issued + count.refused;
        one["issued"] = count.issued;
        one["refused"] = count.refused;
        list.push_back(std::move(one));
    }
    return list;
}

}  // namespace graphhook::emulator
