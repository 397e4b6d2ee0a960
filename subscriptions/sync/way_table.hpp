#pragma once

#include "subscriptions/sync/way.hpp"

#include <chrono>
#include <span>
#include <string_view>

namespace graphhook::subscriptions {

/// One form of one kind, as data. In texts: {p} the resource's path, {u} "users/x" or "me", {1},
/// {2} what stands for the wildcards; {oid}, {drive}, {item} are looked up; {folder}, {id}, {chat}
/// are filled in when asked or found.
struct Row {
    std::string_view kind;
    std::string_view
        pattern;  ///< Lower case; "users/*" also stands for "me"; a last "**": the rest.
    Way::How how = Way::How::None;
    Resync resync = Resync::Full;
    std::string_view ask;
    std::string_view item;
    std::string_view type;
    std::string_view select;
    std::string_view options, prefer, baseline;
    std::string_view folders, first_folder, confirm;
    std::string_view time, order, created, modified, gone;
    bool outlook = false, exact = false, created_is_updated = false, delegated_only = false;
    std::chrono::minutes overlap{15};
    std::chrono::minutes silence{0};
    std::string_view why;
};

[[nodiscard]] std::span<const Row> way_rows() noexcept;

}  // namespace graphhook::subscriptions
