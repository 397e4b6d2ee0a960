#include "app/config/config_reader.hpp"

#include "app/config/nearest.hpp"
#include "app/config/scalar.hpp"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <set>

namespace graphhook::app {
namespace {

Position position(const YAML::Mark& mark) {
    if (mark.is_null()) return {};
    return {mark.line + 1, mark.column + 1};
}

bool is_list(Type type) {
    return type == Type::Texts || type == Type::Choices || type == Type::Networks;
}

bool is_chosen_name(std::string_view name) {
    const auto fits = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '-' || c == '_';
    };
    return !name.empty() && name.size() <= 64 && std::all_of(name.begin(), name.end(), fits);
}

std::string join(std::string_view path, std::string_view name) {
    return path.empty() ? std::string(name) : fmt::format("{}.{}", path, name);
}

/// Walks the file and the table side by side. `pattern` is the path in the table, `path` the one
/// with the names filled in.
class Walk {
  public:
    Walk(const EnvironmentLookup& environment, const FileReader& files)
        : environment_(environment), files_(files) {}

    Reading take() && { return std::move(reading_); }

    void complain(Position at, std::string message) {
        reading_.problems.push_back({at, std::move(message), Problem::Severity::Error});
    }

    /// `node`: a map, or nothing where the section is implied or written without content.
    void section(
        const YAML::Node& node, std::string_view pattern, const std::string& path, Position at
    ) {
        if (!node.IsNull() && !node.IsMap()) {
            complain(
                at, path.empty() ? std::string("the file is not a map of sections")
                                 : fmt::format("'{}' is not a section of keys", path)
            );
            return;
        }
        reading_.sections[path] = at;
        auto children = children_of(pattern);
        if (pattern == "handlers.*") keep_keys_of_type(node, children, path);
        std::set<std::string_view> given;
        if (node.IsMap()) {
            std::set<std::string> seen;
            for (const auto& entry : node) {
                const auto name_at = position(entry.first.Mark());
                if (!entry.first.IsScalar()) {
                    complain(name_at, "a key has to be a plain text");
                    continue;
                }
                const std::string& name = entry.first.Scalar();
                const auto key =
                    std::find_if(children.begin(), children.end(), [&](const Key* child) {
                        return last_part(child->path) == name;
                    });
                if (key == children.end()) {
                    unknown_key(name_at, pattern, path, name, children);
                } else if (!seen.insert(name).second) {
                    complain(name_at, fmt::format("'{}' is given twice", join(path, name)));
                } else {
                    given.insert((*key)->path);
                    child(entry.second, **key, join(path, name), name_at);
                }
            }
        }
        for (const Key* key : children) {
            if (given.contains(key->path)) continue;
            const auto child_path = join(path, last_part(key->path));
            if (key->need == Need::Required) {
                complain(at, fmt::format("'{}' is missing", child_path));
            } else if (key->need == Need::Implied) {
                section(YAML::Node(), key->path, child_path, at);
            } else if (!key->fallback.empty()) {
                Value value{.key = key, .at = at};
                // The table's defaults fit their own keys: a test reads them all.
                (void)read_scalar(*key, std::string(key->fallback), files_, value);
                reading_.values[child_path] = std::move(value);
            }
        }
    }

  private:
    /// Which keys a handler has depends on its type.
    void keep_keys_of_type(
        const YAML::Node& node, std::vector<const Key*>& children, const std::string& path
    ) {
        std::string type;
        if (node.IsMap()) {
            for (const auto& entry : node) {
                if (!entry.first.IsScalar() || entry.first.Scalar() != "type" ||
                    !entry.second.IsScalar())
                    continue;
                if (auto text = interpolate(entry.second.Scalar(), environment_))
                    type = std::move(*text);
            }
        }
        type_of_[path] = type;
        std::erase_if(children, [&](const Key* key) { return !is_for(*key, type); });
    }

    void unknown_key(
        Position at, std::string_view pattern, const std::string& path, const std::string& name,
        const std::vector<const Key*>& siblings
    ) {
        if (const auto full = join(pattern, name); find_key(full) != nullptr) {
            // Known, but not for this type of handler; with no right type that is said already.
            if (const auto& type = type_of_[path]; !type.empty()) {
                complain(
                    at, fmt::format(
                            "'{}' belongs to handlers of type {}, not {}", join(path, name),
                            fmt::join(types_with(full), " or "), type
                        )
                );
            }
            return;
        }
        std::vector<std::string_view> known;
        for (const Key* sibling : siblings) known.push_back(last_part(sibling->path));
        const auto best = nearest(name, known);
        complain(
            at, fmt::format(
                    "unknown key '{}'{}", for_message(join(path, name)),
                    best.empty() ? std::string() : fmt::format(", did you mean '{}'?", best)
                )
        );
    }

    void child(const YAML::Node& node, const Key& key, const std::string& path, Position name_at) {
        switch (key.type) {
            case Type::Section:
                return section(node, key.path, path, name_at);
            case Type::Named:
                return named(node, key, path, name_at);
            case Type::Items:
                return items(node, key, path, name_at);
            case Type::Cloud:
                if (node.IsMap()) return section(node, key.path, path, name_at);
                break;
            case Type::Headers:
                return headers(node, key, path, name_at);
            default:
                break;
        }
        Value value{.key = &key, .at = position(node.Mark()), .given = true};
        if (is_list(key.type) && node.IsSequence()) {
            for (const auto& element : node) one(element, key, path, value);
            if (node.size() == 0 && key.need == Need::Required)
                complain(value.at, fmt::format("'{}' is empty", path));
        } else {
            one(node, key, path, value);
        }
        reading_.values[path] = std::move(value);
    }

    /// One scalar: the value, or an element of its list.
    void one(const YAML::Node& node, const Key& key, const std::string& path, Value& value) {
        const auto at = node.IsNull() ? value.at : position(node.Mark());
        if (!node.IsScalar()) {
            complain(
                at, node.IsNull() ? fmt::format("'{}' is empty", path)
                                  : fmt::format("'{}' is not a {}", path, type_name(key.type))
            );
            value.sound = false;
            return;
        }
        value.list_at.push_back(at);
        const auto text = interpolate(node.Scalar(), environment_);
        if (!text) {
            complain(at, fmt::format("'{}': {}", path, text.error().detail));
            value.sound = false;
            return;
        }
        const auto read = read_scalar(key, *text, files_, value);
        if (read) return;
        complain(at, fmt::format("'{}': {}", path, read.error().detail));
        value.sound = false;
    }

    void named(const YAML::Node& node, const Key& key, const std::string& path, Position at) {
        if (node.IsNull()) return;
        if (!node.IsMap()) {
            complain(at, fmt::format("'{}' is not a section of names", path));
            return;
        }
        auto& names = reading_.names[path];
        for (const auto& entry : node) {
            const auto name_at = position(entry.first.Mark());
            if (!entry.first.IsScalar() || !is_chosen_name(entry.first.Scalar())) {
                complain(
                    name_at,
                    fmt::format("a name below '{}' has 1 to 64 letters, digits, '-' or '_'", path)
                );
                continue;
            }
            const auto& name = entry.first.Scalar();
            if (std::find(names.begin(), names.end(), name) != names.end()) {
                complain(name_at, fmt::format("'{}' is given twice", join(path, name)));
                continue;
            }
            names.push_back(name);
            section(entry.second, join(key.path, "*"), join(path, name), name_at);
        }
    }

    void items(const YAML::Node& node, const Key& key, const std::string& path, Position at) {
        if (node.IsNull()) return;
        if (!node.IsSequence()) {
            complain(at, fmt::format("'{}' is not a list", path));
            return;
        }
        auto& count = reading_.counts[path];
        for (const auto& element : node) {
            section(
                element, key.path, fmt::format("{}[{}]", path, count), position(element.Mark())
            );
            ++count;
        }
    }

    void headers(const YAML::Node& node, const Key& key, const std::string& path, Position at) {
        Value value{.key = &key, .at = at, .given = true};
        if (!node.IsMap()) {
            complain(at, fmt::format("'{}' is not a map of names and values", path));
            return;
        }
        for (const auto& entry : node) {
            const auto entry_at = position(entry.first.Mark());
            if (!entry.first.IsScalar() || !entry.second.IsScalar()) {
                complain(entry_at, fmt::format("'{}' is not a map of names and values", path));
                continue;
            }
            const auto& name = entry.first.Scalar();
            const auto text = interpolate(entry.second.Scalar(), environment_);
            if (!text) {
                complain(entry_at, fmt::format("'{}': {}", path, text.error().detail));
                continue;
            }
            const bool token = !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
                return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_';
            });
            if (!token || text->find_first_of(std::string_view("\r\n\0", 3)) != std::string::npos) {
                complain(entry_at, fmt::format("'{}': not a header's name and value", path));
                continue;
            }
            const bool again =
                std::any_of(value.headers.begin(), value.headers.end(), [&](const auto& header) {
                    return header.first == name;
                });
            if (again) complain(entry_at, fmt::format("'{}' is given twice", join(path, name)));
            value.headers.emplace_back(name, Secret(*text));
        }
        reading_.values[path] = std::move(value);
    }

    const EnvironmentLookup& environment_;
    const FileReader& files_;
    Reading reading_;
    std::map<std::string, std::string> type_of_;
};

}  // namespace

const Value* Reading::find(std::string_view path) const {
    const auto found = values.find(path);
    return found == values.end() ? nullptr : &found->second;
}

Position Reading::position_of(std::string_view path) const {
    if (const auto* value = find(path); value != nullptr) return value->at;
    const auto section = sections.find(path);
    return section == sections.end() ? Position{} : section->second;
}

Reading read_config(
    const std::string& text, const EnvironmentLookup& environment, const FileReader& files
) {
    Walk walk(environment, files);
    try {
        const auto documents = YAML::LoadAll(text);
        if (documents.size() > 1) {
            walk.complain(
                position(documents[1].Mark()), "one file holds one document (there is a second)"
            );
        }
        walk.section(documents.empty() ? YAML::Node() : documents[0], "", "", Position{});
    } catch (const YAML::Exception& error) {
        walk.complain(position(error.mark), fmt::format("not YAML: {}", error.msg));
    }
    return std::move(walk).take();
}

}  // namespace graphhook::app
