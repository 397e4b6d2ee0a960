#include "app/config/config.hpp"
#include "app/config/scalar.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace graphhook::app {
namespace {

/// A YAML plain scalar where that is safe, in double quotes otherwise.
std::string quoted(std::string_view text) {
    const auto plain = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '/' || c == '.' || c == '_' || c == '-' || c == '+' || c == '@' || c == ':';
    };
    const bool safe = !text.empty() && text.front() != '-' && text.front() != '@' &&
                      text.front() != ':' && text.back() != ':' &&
                      std::all_of(text.begin(), text.end(), plain);
    if (safe) return std::string(text);
    std::string out = "\"";
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        const auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (byte < 0x20 || byte == 0x7f) {
            out += fmt::format("\\x{:02x}", byte);
        } else if (c == '$' && text.substr(i).starts_with("${")) {
            out += "$$";
        } else {
            out += c;
        }
    }
    return out + '"';
}

std::string as_yaml(const Value& value) {
    switch (value.key->type) {
        case Type::Texts:
        case Type::Choices:
        case Type::Networks: {
            std::vector<std::string> parts;
            for (const auto& element : value.list) parts.push_back(quoted(element));
            return fmt::format("[{}]", fmt::join(parts, ", "));
        }
        case Type::Text:
        case Type::Path:
        case Type::ReadFile:
        case Type::HttpsUrl:
        case Type::HttpUrl:
        case Type::UrlPath:
        case Type::Listen:
        case Type::Store:
        case Type::SecretFile:
            return quoted(value.text);
        default:
            return shown(value);
    }
}

class Printer {
  public:
    explicit Printer(const Reading& reading) : reading_(reading) {}

    std::string print() && {
        section("", "", 0);
        return std::move(out_);
    }

  private:
    void line(int depth, std::string_view text) {
        out_.append(static_cast<std::size_t>(depth) * 2, ' ').append(text).append("\n");
    }

    void section(std::string_view pattern, const std::string& path, int depth) {
        for (const Key* key : children_of(pattern)) {
            const auto name = last_part(key->path);
            const auto full = path.empty() ? std::string(name) : fmt::format("{}.{}", path, name);
            if (const auto* value = reading_.find(full); value != nullptr) {
                // A key that several types of handler have, each in its own way, has more rows.
                if (value->key == key) line(depth, fmt::format("{}: {}", name, as_yaml(*value)));
            } else if (key->type == Type::Named) {
                named(*key, full, depth);
            } else if (key->type == Type::Items) {
                items(*key, full, depth);
            } else if (reading_.sections.contains(full)) {
                line(depth, fmt::format("{}:", name));
                section(key->path, full, depth + 1);
            }
        }
    }

    void named(const Key& key, const std::string& path, int depth) {
        const auto found = reading_.names.find(path);
        if (found == reading_.names.end() || found->second.empty()) return;
        line(depth, fmt::format("{}:", last_part(key.path)));
        for (const auto& name : found->second) {
            line(depth + 1, fmt::format("{}:", name));
            section(fmt::format("{}.*", key.path), fmt::format("{}.{}", path, name), depth + 2);
        }
    }

    void items(const Key& key, const std::string& path, int depth) {
        const auto found = reading_.counts.find(path);
        if (found == reading_.counts.end() || found->second == 0) return;
        line(depth, fmt::format("{}:", last_part(key.path)));
        for (std::size_t i = 0; i < found->second; ++i) {
            const auto start = out_.size();
            section(key.path, fmt::format("{}[{}]", path, i), depth + 2);
            if (out_.size() > start) {
                out_[start + static_cast<std::size_t>(depth + 1) * 2] = '-';
            } else {
                line(depth + 1, "- {}");
            }
        }
    }

    const Reading& reading_;
    std::string out_;
};

/// Everything about a value that matters, secrets included, for comparison only.
bool same(const Value& a, const Value& b) {
    const auto same_header = [](const auto& x, const auto& y) {
        return x.first == y.first && x.second.equals(y.second.reveal());
    };
    return a.text == b.text && a.number == b.number && a.list == b.list &&
           a.secret.equals(b.secret.reveal()) &&
           std::equal(
               a.headers.begin(), a.headers.end(), b.headers.begin(), b.headers.end(), same_header
           );
}

/// The key behind a section's concrete path that a whole reload turns on: `tls` being there at all.
bool needs_restart_by_presence(std::string_view path) {
    const auto* key = find_key(path);
    return key != nullptr && key->type == Type::Section && key->need == Need::Optional &&
           key->change == Change::Restart;
}

}  // namespace

std::string print_config(const Config& config) {
    return Printer(config.reading).print();
}

bool same_below(const Config& a, const Config& b, const std::string& path) {
    const auto covers = [&path](const Reading& one, const Reading& other) {
        const auto prefix = path + ".";
        for (auto value = one.values.lower_bound(prefix);
             value != one.values.end() && value->first.starts_with(prefix); ++value) {
            const auto* twin = other.find(value->first);
            if (twin == nullptr || !same(value->second, *twin)) return false;
        }
        for (auto count = one.counts.lower_bound(prefix);
             count != one.counts.end() && count->first.starts_with(prefix); ++count) {
            const auto twin = other.counts.find(count->first);
            if (twin == other.counts.end() || twin->second != count->second) return false;
        }
        return one.sections.contains(path) == other.sections.contains(path);
    };
    return covers(a.reading, b.reading) && covers(b.reading, a.reading);
}

std::vector<std::string> changed_needing_restart(const Config& before, const Config& after) {
    std::set<std::string> changed;
    const auto compare = [&](const Reading& one, const Reading& other) {
        for (const auto& [path, value] : one.values) {
            if (value.key->change == Change::Reload) continue;
            const auto* twin = other.find(path);
            if (twin == nullptr || !same(value, *twin)) changed.insert(path);
        }
        for (const auto& [path, at] : one.sections) {
            if (needs_restart_by_presence(path) && !other.sections.contains(path))
                changed.insert(path);
        }
    };
    compare(before.reading, after.reading);
    compare(after.reading, before.reading);
    return {changed.begin(), changed.end()};
}

}  // namespace graphhook::app
