// What is published beside the program says the same as the program: the JSON Schema, the tables of
// docs/configuration.md, the sample configuration.

#include "app/config/config.hpp"
#include "app/config/config_schema.hpp"
#include "app/config/keys.hpp"
#include "app/config/scalar.hpp"
#include "tests/app/mini_schema.hpp"

#include <boost/json/parse.hpp>
#include <gmock/gmock.h>

#include <fstream>
#include <iterator>
#include <set>
#include <string>

namespace graphhook::app {
namespace {

using ::testing::IsEmpty;

const std::string kRoot = GRAPHHOOK_SOURCE_DIR;

std::string content(const std::string& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
}

/// Leaves what should be there in the build directory, ready to be copied.
std::string leave(const std::string& name, const std::string& text) {
    const auto path = std::string(GRAPHHOOK_BINARY_DIR) + "/" + name;
    std::ofstream(path) << text;
    return path;
}

Parsed parse(const std::string& text) {
    return parse_config(
        text, [](std::string_view) -> std::optional<std::string> { return std::nullopt; },
        [](const std::string&) -> Result<std::string> { return std::string("content"); }
    );
}

TEST(PublishedTest, TheSchemaIsTheOneOfTheTable) {
    const auto schema = json_schema();
    EXPECT_TRUE(content(kRoot + "/deploy/graphhook.schema.json") == schema)
        << "it has changed: copy " << leave("graphhook.schema.json", schema);
}

TEST(PublishedTest, TheDocumentationHasTheTablesOfTheTable) {
    const auto page = content(kRoot + "/docs/configuration.md");
    std::string all;
    for (const Key* key : children_of("")) {
        const auto table = key_table(std::string(key->path));
        all += "## " + std::string(key->path) + "\n\n" + table + "\n";
        EXPECT_NE(page.find(table), std::string::npos) << key->path;
    }
    const auto left = leave("configuration.md", all);
    std::size_t rows = 0;
    for (std::size_t at = 0; (at = page.find("\n| `", at)) != std::string::npos; ++at) ++rows;
    EXPECT_EQ(rows, keys().size()) << "the tables are in " << left;
}

TEST(PublishedTest, TheSampleConfigurationParsesAndFitsTheSchema) {
    const auto sample = content(kRoot + "/deploy/graphhook.yaml");
    const auto parsed = parse(sample);
    for (const auto& problem : parsed.problems) ADD_FAILURE() << to_string(problem, "sample");
    EXPECT_TRUE(parsed.config);
    EXPECT_THAT(misfits(boost::json::parse(json_schema()), yaml_as_json(sample)), IsEmpty());
}

TEST(PublishedTest, EveryDefaultFitsItsOwnKeyAndEverySecretHasAFileTwin) {
    for (const auto& key : keys()) {
        EXPECT_FALSE(key.meaning.empty()) << key.path;
        if (!key.fallback.empty()) {
            Value value;
            const auto read = read_scalar(
                key, std::string(key.fallback),
                [](const std::string&) -> Result<std::string> { return std::string(); }, value
            );
            EXPECT_TRUE(read) << key.path;
        }
        if (key.type == Type::Secret) {
            const auto* twin = find_key(std::string(key.path) + "_file");
            ASSERT_NE(twin, nullptr) << key.path;
            EXPECT_EQ(twin->type, Type::SecretFile);
        }
    }
}

/// The schema judges each key alone; there it says what the parser says.
TEST(PublishedTest, TheSchemaAndTheParserAgree) {
    const std::string head = "receiver: {listen: '127.0.0.1:0', public_url: https://h.example}\n";
    const std::string tenant =
        "tenant_id: 84bd8158-6d4d-4958-8b9f-9d6445542f95, client_id: "
        "84bd8158-6d4d-4958-8b9f-9d6445542f95";
    const std::vector<std::string> good = {
        head,
        head + "log: {level: debug}\n",
        head + "log:\n",
        head + "tenants:\nhandlers:\n",
        head + "store: {retain: 4h, retain_bytes: 2097152, reserve: 0B, max_waiting: 5}\n",
        head + "admin: {listen: '', socket: ''}\n",
        head + "admin: {tls: {certificate: /c, private_key: /k, min_version: 1.3}}\n",
        head + "tenants: {t: {" + tenant + ", credential: {client_secret: x}}}\n",
        head + "tenants: {t: {" + tenant +
            ", cloud: china, credential: {client_secret_file: x}}}\n",
        head + "tenants: {t: {" + tenant +
            ", cloud: {graph: https://a, login: https://b}, credential: {client_secret: x}}}\n",
        head + "tenants: {t: {" + tenant +
            ", credential: {certificate: /c, private_key: /k, algorithm: RS256}}}\n",
        head + "tenants: {t: {" + tenant + ", credential: {federated_token_file: /f}}}\n",
        head + "tenants: {t: {" + tenant + ", sweeps: 3, credential: {managed_identity: }}}\n",
        head + "tenants: {t: {" + tenant +
            ", credential: {refresh_token_file: /t, scopes: Mail.Read, client_secret: x}}}\n",
        head + "handlers: {h: {type: log}}\ntenants: {t: {" + tenant +
            ", credential: {client_secret: x}}}\nsubscriptions: {s: {tenant: t, for_each: users, "
            "resource: 'users/{id}/messages', changes: created, sync: off, handlers: h}}\n",
        head + "handlers: {h: {type: log, item: yes, routes: [{}]}}\n",
        head +
            "handlers: {h: {type: file, path: /x, rotate: {size: 1MiB}, routes: [{kinds: x}]}}\n",
        head + "handlers: {h: {type: http, url: https://x, headers: {A: 1}, routes: [{}]}}\n",
        head + "unsids: {enabled: false, scope: ''}\n",
        head +
            "handlers: {h: {type: user_notification, target_host_name: h.example, raw: '{id}', "
            "platforms: [ios], fallback: {title: x}, expires_after: 1h, routes: [{}]}}\n",
        "receiver: {listen: 'unix:/x', public_url: https://h.example, proxy_protocol: on, "
        "trusted_proxies: [10.0.0.0/8, '::1']}\n",
        "receiver: {listen: '${L:-127.0.0.1:0}', public_url: 'https://${H:-h}/', threads: "
        "'${N:-2}'}\n",
    };
    const std::vector<std::string> bad = {
        "log: {level: info}\n",
        head + "logs: {}\n",
        head + "log: {level: loud}\n",
        head + "log: [x]\n",
        head + "log: {colour: x}\n",
        head + "store: {retain: 4}\n",
        head + "store: {retain: 4 h}\n",
        head + "store: {retain_bytes: 5}\n",
        head + "store: {max_waiting: 0}\n",
        head + "store: {max_waiting: some}\n",
        head + "store: {max_waiting: 1.5}\n",
        head + "store: {url: 'postgres://x'}\n",
        head + "admin: {listen: here}\n",
        head + "admin: {tls: {certificate: /c}}\n",
        head + "tenants: []\n",
        head + "tenants: {'a b': {}}\n",
        head + "tenants: {t: {" + tenant + "}}\n",
        head + "tenants: {t: {" + tenant + ", credential: {}}}\n",
        head + "tenants: {t: {" + tenant +
            ", credential: {client_secret: a, client_secret_file: b}}}\n",
        head + "tenants: {t: {" + tenant + ", cloud: mars, credential: {client_secret: x}}}\n",
        head + "tenants: {t: {" + tenant +
            ", cloud: {graph: https://a}, credential: {client_secret: x}}}\n",
        head + "tenants: {t: {tenant_id: x, client_id: y, credential: {client_secret: x}}}\n",
        head + "subscriptions: {s: {tenant: t}}\n",
        head + "subscriptions: {s: {tenant: t, resource: r, changes: [made]}}\n",
        head + "subscriptions: {s: {tenant: t, resource: r, changes: created, synch: delta}}\n",
        head + "subscriptions: {s: {tenant: t, resource: r, changes: created, sync: full}}\n",
        head + "tenants: {t: {" + tenant + ", credential: {client_secret: a, certificate: /c}}}\n",
        head + "tenants: {t: {" + tenant +
            ", credential: {refresh_token_file: /t, managed_identity: {}}}}\n",
        head + "tenants: {t: {" + tenant + ", credential: {certificate: /c, algorithm: none}}}\n",
        head + "tenants: {t: {" + tenant + ", requests: 0, credential: {client_secret: x}}}\n",
        head + "handlers: {h: {}}\n",
        head + "handlers: {h: {type: plugin}}\n",
        head + "handlers: {h: {type: log, url: https://x, routes: [{}]}}\n",
        head + "handlers: {h: {type: http, routes: [{}]}}\n",
        head + "handlers: {h: {type: user_notification, title: x, routes: [{}]}}\n",
        head +
            "handlers: {h: {type: user_notification, target_host_name: h.example, title: x, "
            "platforms: symbian, routes: [{}]}}\n",
        head +
            "handlers: {h: {type: user_notification, target_host_name: h.example, title: x, "
            "fallback: {body: x}, routes: [{}]}}\n",
        head + "unsids: {on: true}\n",
        head + "unsids: {scope: [x]}\n",
        head + "handlers: {h: {type: http, url: ftp://x, routes: [{}]}}\n",
        head + "handlers: {h: {type: file, path: /x, rotate: {keep: 3}, routes: [{}]}}\n",
        head + "handlers: {h: {type: log, routes: {}}}\n",
        head + "handlers: {h: {type: log, routes: [{kind: x}]}}\n",
        "receiver: {listen: '127.0.0.1:0'}\n",
        "receiver: {listen: '127.0.0.1:0', public_url: http://h.example}\n",
        "receiver: {listen: '127.0.0.1:0', public_url: https://h.example, base_path: x}\n",
        "receiver: {listen: '127.0.0.1:0', public_url: https://h.example, proxy_protocol: maybe}\n",
        "receiver: {listen: '127.0.0.1:0', public_url: https://h.example, limits: {idle: 1d}}\n"
        "log: {level: 5}\n",
    };
    const auto schema = boost::json::parse(json_schema());
    for (const auto& text : good) {
        const auto parsed = parse(text);
        EXPECT_TRUE(parsed.config) << text << to_string(parsed.problems.at(0), "f");
        EXPECT_THAT(misfits(schema, yaml_as_json(text)), IsEmpty()) << text;
    }
    for (const auto& text : bad) {
        EXPECT_FALSE(parse(text).config) << text;
        EXPECT_FALSE(misfits(schema, yaml_as_json(text)).empty()) << text;
    }
}

}  // namespace
}  // namespace graphhook::app
