#include "tests/app/config_fixture.hpp"

namespace graphhook::app {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class ConfigTest : public ConfigFixture {
  protected:
    static std::string receiver(const std::string& more) {
        return "receiver:\n  public_url: https://h.example/graph\n" + more;
    }
};

TEST_F(ConfigTest, TheLeastOneCanWriteIsEnough) {
    const auto parsed = parse("receiver: {listen: '127.0.0.1:0', public_url: https://h.example/x}");
    ASSERT_TRUE(parsed.config) << to_string(parsed.problems.at(0), "f");
    EXPECT_THAT(parsed.problems, IsEmpty());
    EXPECT_EQ(parsed.config->receiver.base_path, "/x");
    EXPECT_EQ(parsed.config->subscriptions.notification_url, "https://h.example/x/notifications");
    EXPECT_EQ(parsed.config->subscriptions.lifecycle_url, "https://h.example/x/lifecycle");
}

TEST_F(ConfigTest, DefaultsOfTheTableAreThoseOfTheRooms) {
    const auto config = *parse(with("handlers: {l: {type: log}}")).config;
    const receiver::ReceiverOptions receiver;
    EXPECT_EQ(config.receiver.drain_delay, receiver.drain_delay);
    EXPECT_EQ(config.receiver.threads, receiver.threads);
    const auto& limits = config.receiver.limits;
    EXPECT_EQ(limits.header_bytes, receiver.limits.header_bytes);
    EXPECT_EQ(limits.body_bytes, receiver.limits.body_bytes);
    EXPECT_EQ(limits.items, receiver.limits.items);
    EXPECT_EQ(limits.json_depth, receiver.limits.json_depth);
    EXPECT_EQ(limits.bodies_in_flight_bytes, receiver.limits.bodies_in_flight_bytes);
    EXPECT_EQ(limits.offload_bytes, receiver.limits.offload_bytes);
    EXPECT_EQ(limits.connections, receiver.limits.connections);
    EXPECT_EQ(limits.idle, receiver.limits.idle);
    EXPECT_EQ(limits.handshake_timeout, receiver.limits.handshake_timeout);
    EXPECT_EQ(limits.header_timeout, receiver.limits.header_timeout);
    EXPECT_EQ(limits.body_timeout, receiver.limits.body_timeout);
    EXPECT_EQ(limits.write_timeout, receiver.limits.write_timeout);
    const receiver::AdminOptions admin;
    EXPECT_EQ(config.admin.listen, admin.listen);
    EXPECT_EQ(config.admin.socket, admin.socket);
    const store::StoreOptions store;
    EXPECT_EQ(config.store.url, store.url);
    EXPECT_EQ(config.store.retain, store.retain);
    EXPECT_EQ(config.store.retain_bytes, store.retain_bytes);
    EXPECT_EQ(config.store.reserve, store.reserve);
    EXPECT_EQ(config.store.max_waiting, store.max_waiting);
    EXPECT_EQ(config.store.repeat_window, store.repeat_window);
    EXPECT_EQ(config.store.repeat_keys, store.repeat_keys);
    EXPECT_EQ(config.store.version_window, store.version_window);
    EXPECT_EQ(config.store.wal_bytes, store.wal_bytes);
    const subscriptions::SubscriptionsOptions subscriptions;
    EXPECT_EQ(config.subscriptions.reconcile_every, subscriptions.reconcile_every);
    EXPECT_EQ(config.subscriptions.list_every, subscriptions.list_every);
    EXPECT_EQ(config.subscriptions.expand_every, subscriptions.expand_every);
    EXPECT_EQ(config.subscriptions.removal_grace, subscriptions.removal_grace);
    EXPECT_EQ(config.subscriptions.request_timeout, subscriptions.request_timeout);
    const handlers::HandlerOptions handler;
    ASSERT_EQ(config.handlers.size(), 1U);
    EXPECT_EQ(config.handlers[0].retry.attempts, handler.retry.attempts);
    EXPECT_EQ(config.handlers[0].retry.first, handler.retry.first);
    EXPECT_EQ(config.handlers[0].retry.longest, handler.retry.longest);
    EXPECT_EQ(config.handlers[0].retry.max_age, handler.retry.max_age);
    EXPECT_EQ(config.handlers[0].workers, handler.workers);
}

TEST_F(ConfigTest, EveryValueReachesItsRoom) {
    environment["SECRET"] = "pw";
    const auto parsed = parse(R"(
receiver:
  listen: "[::]:443"
  public_url: https://hooks.example.com/graph/
  base_path: /inside
  tls: {certificate: /c.pem, private_key: /k.pem, min_version: 1.3}
  proxy_protocol: on
  trusted_proxies: [10.0.0.0/8, "2001:db8::/32"]
  drain_delay: 3s
  threads: 2
  limits: {items: 10, body_bytes: 1MiB, idle: 5s}
admin: {listen: "", socket: /tmp/a.sock}
store: {url: "sqlite:/tmp/x.db", retain: 1h, version_window: 50h}
reconcile: {every: 1m, list_every: 2m, expand_every: 3m, removal_grace: 0s}
tenants:
  t:
    tenant_id: 84bd8158-6d4d-4958-8b9f-9d6445542f95
    client_id: 11111111-2222-3333-4444-555555555555
    cloud: {graph: "https://127.0.0.1:9/", login: "https://127.0.0.1:8", ca_file: /c.pem}
    credential: {client_secret: "${SECRET}"}
    requests: 3
    sweeps: 1
  gov:
    tenant_id: 84bd8158-6d4d-4958-8b9f-9d6445542f95
    client_id: 11111111-2222-3333-4444-555555555555
    cloud: us-gov
    credential: {client_secret_file: /secret}
subscriptions:
  s: {tenant: t, resource: /users/x/messages, changes: created, handlers: web, life: 2d, immutable_ids: no, beta: yes}
  g: {tenant: gov, resource: users/y/events, changes: [updated, deleted], handlers: [audit]}
handlers:
  web:
    type: http
    url: https://w.example/
    secret_file: /secret
    headers: {X-Api-Key: "${SECRET}"}
    timeout: 7s
    batch: 20
    workers: 4
    retry: {attempts: 2, first: 10ms, longest: 20ms, max_age: 1h}
    routes: [{kinds: [message], lifecycle: true}, {tenants: gov}]
  audit: {type: file, path: /tmp/audit, fsync: false, rotate: {size: 1MiB, keep: 3}}
log: {level: debug, format: json}
)");
    ASSERT_TRUE(parsed.config) << to_string(parsed.problems.at(0), "f");
    const auto& config = *parsed.config;
    EXPECT_EQ(config.receiver.public_url, "https://hooks.example.com/graph");
    EXPECT_EQ(config.receiver.base_path, "/inside");
    EXPECT_EQ(config.receiver.tls->min_version, "1.3");
    EXPECT_TRUE(config.receiver.proxy_protocol);
    EXPECT_THAT(config.receiver.trusted_proxies, ElementsAre("10.0.0.0/8", "2001:db8::/32"));
    EXPECT_EQ(config.receiver.limits.items, 10U);
    EXPECT_EQ(config.receiver.limits.body_bytes, 1U << 20);
    EXPECT_EQ(config.admin.listen, "");
    EXPECT_EQ(config.store.url, "sqlite:/tmp/x.db");
    EXPECT_EQ(config.store.version_window, std::chrono::hours(50));
    EXPECT_EQ(config.subscriptions.list_every, std::chrono::minutes(2));
    EXPECT_EQ(config.subscriptions.expand_every, std::chrono::minutes(3));
    const auto& tenants = config.subscriptions.tenants;
    ASSERT_EQ(tenants.size(), 2U);
    EXPECT_EQ(tenants[0].cloud.graph, "https://127.0.0.1:9");
    EXPECT_EQ(tenants[0].cloud.ca_file, "/c.pem");
    EXPECT_TRUE(std::get<subscriptions::ClientSecret>(tenants[0].credential).secret.equals("pw"));
    EXPECT_EQ(tenants[0].requests, 3U);
    EXPECT_EQ(tenants[0].sweeps, 1U);
    EXPECT_EQ(tenants[1].cloud.graph, "https://graph.microsoft.us");
    EXPECT_TRUE(
        std::get<subscriptions::ClientSecret>(tenants[1].credential).secret.equals("from file")
    );
    EXPECT_EQ(tenants[1].requests, subscriptions::Tenant().requests);
    const auto& wanted = config.subscriptions.wanted;
    ASSERT_EQ(wanted.size(), 2U);
    EXPECT_EQ(wanted[0].resource, "users/x/messages");
    EXPECT_THAT(wanted[0].changes, ElementsAre("created"));
    EXPECT_EQ(wanted[0].life, std::chrono::minutes(2880));
    EXPECT_FALSE(wanted[0].immutable_ids);
    EXPECT_TRUE(wanted[0].beta);
    EXPECT_TRUE(wanted[1].immutable_ids);
    const auto& web = std::get<handlers::HttpOptions>(config.handlers.at(0).type);
    EXPECT_TRUE(web.secret.equals("from file"));
    EXPECT_EQ(web.headers.at(0).second, "pw");
    EXPECT_EQ(web.batch, 20U);
    EXPECT_EQ(config.handlers[0].workers, 4U);
    EXPECT_EQ(config.handlers[0].retry.first, std::chrono::milliseconds(10));
    EXPECT_TRUE(config.handlers[0].routes.at(0).lifecycle);
    EXPECT_THAT(config.handlers[0].routes.at(1).tenants, ElementsAre("gov"));
    const auto& audit = std::get<handlers::FileOptions>(config.handlers.at(1).type);
    EXPECT_FALSE(audit.fsync);
    EXPECT_EQ(audit.rotate_size, 1U << 20);
    EXPECT_EQ(audit.rotate_keep, 3U);
    EXPECT_EQ(config.log.format, "json");
}

TEST_F(ConfigTest, ReportsAllProblemsAtOnceInTheOrderOfTheFile) {
    EXPECT_THAT(
        problems("reciever: {}\nreceiver:\n  listen: 127.0.0.1:0\n  thread: 1\n  threads: many\n"),
        ElementsAre(
            "1:1: unknown key 'reciever', did you mean 'receiver'?",
            "2:1: 'receiver.public_url' is missing",
            "4:3: unknown key 'receiver.thread', did you mean 'threads'?",
            "5:12: 'receiver.threads': 'many' is not a whole number"
        )
    );
}

TEST_F(ConfigTest, SyntaxIsReportedWithItsPlace) {
    EXPECT_THAT(problems("receiver: {listen: [}\n"), Contains(HasSubstr("1:21: not YAML: ")));
}

TEST_F(ConfigTest, ASecondDocumentIsRefused) {
    EXPECT_THAT(problems(with("---\nlog: {}\n")), Contains(HasSubstr("one document")));
}

TEST_F(ConfigTest, KeysGivenTwiceAreRefused) {
    EXPECT_THAT(
        problems(receiver("  listen: 127.0.0.1:0\n  threads: 1\n  threads: 2\n")),
        ElementsAre("5:3: 'receiver.threads' is given twice")
    );
    EXPECT_THAT(
        problems(with("handlers:\n  a: {type: log, routes: [{}]}\n  a: {type: log}\n")),
        ElementsAre("4:3: 'handlers.a' is given twice")
    );
}

TEST_F(ConfigTest, WrongTypesAreRefused) {
    EXPECT_THAT(problems("receiver: [1]\n"), Contains("1:1: 'receiver' is not a section of keys"));
    EXPECT_THAT(problems("hello"), ElementsAre("1:1: the file is not a map of sections"));
    const auto wrong = problems(
        with("store: {retain: 4 h, retain_bytes: lots, url: postgres://x, max_waiting: [1]}\n"
             "log: {level: loud, format: {}}\nhandlers: [a]\nsubscriptions: 3\n"
             "admin: {listen: localhost, socket: }\n")
    );
    EXPECT_THAT(wrong, Contains(HasSubstr("2:17: 'store.retain': '4 h' is not a duration")));
    EXPECT_THAT(wrong, Contains(HasSubstr("'lots' is not a size")));
    EXPECT_THAT(wrong, Contains(HasSubstr("'postgres://x' is not sqlite:/path/to/file")));
    EXPECT_THAT(wrong, Contains(HasSubstr("'store.max_waiting' is not a number")));
    EXPECT_THAT(wrong, Contains(HasSubstr("'loud' is none of trace, debug, info, warn, error")));
    EXPECT_THAT(wrong, Contains(HasSubstr("'log.format' is not a choice")));
    EXPECT_THAT(wrong, Contains(HasSubstr("'handlers' is not a section of names")));
    EXPECT_THAT(wrong, Contains(HasSubstr("'subscriptions' is not a section of names")));
    EXPECT_THAT(wrong, Contains(HasSubstr("'localhost' is not address:port")));
    EXPECT_THAT(wrong, Contains(HasSubstr("'admin.socket' is empty")));
}

TEST_F(ConfigTest, ValuesOutOfBoundsAreRefusedWithTheBounds) {
    EXPECT_THAT(
        problems(receiver(
            "  listen: 127.0.0.1:0\n  drain_delay: 11m\n  limits: {items: 0, header_bytes: 1}\n"
        )),
        ElementsAre(
            "4:16: 'receiver.drain_delay': 11m is out of bounds: from 0s to 10m",
            "5:19: 'receiver.limits.items': 0 is out of bounds: from 1 to 100000",
            "5:36: 'receiver.limits.header_bytes': 1B is out of bounds: from 1KiB to 1MiB"
        )
    );
}

TEST_F(ConfigTest, VariablesAreFilledInAndUnsetOnesAreProblems) {
    environment = {{"DELAY", "7s"}, {"EMPTY", ""}};
    const auto parsed = parse(receiver(
        "  listen: ${LISTEN:-127.0.0.1:0}\n  drain_delay: ${DELAY}\n  threads: ${EMPTY:-3}\n"
    ));
    ASSERT_TRUE(parsed.config);
    EXPECT_EQ(parsed.config->receiver.drain_delay, std::chrono::seconds(7));
    EXPECT_EQ(parsed.config->receiver.threads, 3U);
    EXPECT_THAT(
        problems(receiver("  listen: ${LISTEN}\n  threads: ${1}\n  drain_delay: ${X\n")),
        ElementsAre(
            "3:11: 'receiver.listen': the environment variable 'LISTEN' is not set",
            HasSubstr("4:12: 'receiver.threads': '1' is not the name of a variable"),
            HasSubstr("5:16: 'receiver.drain_delay': '${' is not closed")
        )
    );
}

TEST_F(ConfigTest, ADoubledDollarIsALiteralOneAndWhatIsPutInIsNotReadAgain) {
    environment = {{"A", "${B}"}};
    const auto parsed =
        parse(with("handlers: {a: {type: file, path: '/x/$${A}/${A}/$', routes: [{}]}}"));
    ASSERT_TRUE(parsed.config);
    EXPECT_EQ(
        std::get<handlers::FileOptions>(parsed.config->handlers[0].type).path, "/x/${A}/${B}/$"
    );
}

TEST_F(ConfigTest, TlsMayBeMissingOnLoopbackAndUnixSocketsOnly) {
    for (const auto* here : {"127.0.0.1:1", "'[::1]:1'", "unix:/run/x"}) {
        EXPECT_THAT(problems(receiver(fmt::format("  listen: {}\n", here))), IsEmpty()) << here;
    }
    EXPECT_THAT(
        problems(receiver("  listen: 0.0.0.0:1\n")),
        ElementsAre(HasSubstr("3:11: 'receiver.tls' is missing"))
    );
    EXPECT_THAT(
        problems(with("admin: {listen: '192.0.2.1:1'}")),
        ElementsAre(HasSubstr("2:17: 'admin.tls' is missing"))
    );
    EXPECT_THAT(
        problems(receiver("  listen: 0.0.0.0:1\n  tls:\n")),
        ElementsAre(
            "4:3: 'receiver.tls.certificate' is missing",
            "4:3: 'receiver.tls.private_key' is missing"
        )
    );
    EXPECT_THAT(
        problems(receiver("  listen: 0.0.0.0:1\n  tls: {certificate: /no, private_key: /k.pem}\n")),
        ElementsAre("4:22: 'receiver.tls.certificate': can not read '/no': gone")
    );
}

TEST_F(ConfigTest, NamesThatNobodyDefinesAreRefusedWithTheNearest) {
    const auto wrong = problems(
        with("handlers: {tickets: {type: log, routes: [{tenants: [x], subscriptions: inbx}]}}\n"
             "subscriptions:\n"
             "  inbox: {tenant: contoso, resource: users/x/messages, changes: created, handlers: "
             "[ticket]}\n")
    );
    EXPECT_THAT(
        wrong, ElementsAre(
                   HasSubstr("2:53: 'handlers.tickets.routes[0].tenants': there is no 'x'"),
                   HasSubstr("there is no 'inbx' below 'subscriptions', did you mean 'inbox'?"),
                   HasSubstr("4:19: 'subscriptions.inbox.tenant': there is no 'contoso'"),
                   HasSubstr("there is no 'ticket' below 'handlers', did you mean 'tickets'?")
               )
    );
}

TEST_F(ConfigTest, WhatNobodyUsesIsAWarningOnly) {
    const auto parsed =
        parse(with("tenants: {t: {tenant_id: 84bd8158-6d4d-4958-8b9f-9d6445542f95, client_id: "
                   "84bd8158-6d4d-4958-8b9f-9d6445542f95, credential: {client_secret: x}}}\n"
                   "handlers: {h: {type: log}}\n"));
    EXPECT_TRUE(parsed.config);
    ASSERT_EQ(parsed.problems.size(), 2U);
    EXPECT_EQ(
        to_string(parsed.problems[0], "f"), "f:2:11: warning: no subscription is of tenant 't'"
    );
    EXPECT_EQ(
        to_string(parsed.problems[1], "f"),
        "f:3:12: warning: no subscription names handler 'h', and it has no routes"
    );
}

TEST_F(ConfigTest, ASubscriptionThatNobodyHandlesIsRefused) {
    EXPECT_THAT(
        problems(subscription("    resource: users/x/messages\n")),
        Contains("5:3: 'subscriptions.s' has no handler: name one in 'handlers', or route it to one"
        )
    );
}

TEST_F(ConfigTest, AResourceWatchedTwiceIsAWarning) {
    const auto parsed = parse(
        subscription("    resource: users/x/messages\n    handlers: h\n") +
        "  s2: {tenant: t, resource: Users/X/messages, changes: created, handlers: h}\n"
    );
    EXPECT_TRUE(parsed.config);
    ASSERT_EQ(parsed.problems.size(), 1U);
    EXPECT_THAT(parsed.problems[0].message, HasSubstr("same resource as 's'"));
}

TEST_F(ConfigTest, AResourceWithHostOrVersionIsRefused) {
    EXPECT_THAT(
        problems(
            subscription("    resource: https://graph.microsoft.com/v1.0/users\n    handlers: h\n")
        ),
        ElementsAre(HasSubstr("has neither base URL nor version"))
    );
}

TEST_F(ConfigTest, WhatGraphWouldRefuseIsRefusedHere) {
    EXPECT_THAT(
        problems(subscription("    resource: me/messages\n    handlers: h\n")),
        Contains(HasSubstr("8:15: 'subscriptions.s.resource': `me` means a signed-in user"))
    );
    EXPECT_THAT(
        problems(subscription(
            "    resource: users/x/messages\n    handlers: h\n    life: 365d\n    kind: mesage\n"
        )),
        Contains(HasSubstr("there is no kind 'mesage', did you mean 'message'?"))
    );
    EXPECT_THAT(
        problems(subscription("    resource: users/x/messages\n    handlers: h\n    life: 365d\n")),
        ElementsAre(HasSubstr("10:11: 'subscriptions.s.life': Graph lets a message"))
    );
}

TEST_F(ConfigTest, AnUnknownKindOfResourceIsAWarning) {
    const auto parsed = parse(subscription("    resource: new/things\n    handlers: h\n"));
    EXPECT_TRUE(parsed.config);
    ASSERT_EQ(parsed.problems.size(), 1U);
    EXPECT_THAT(parsed.problems[0].message, HasSubstr("of no kind that is known here"));
}

TEST_F(ConfigTest, AKeyOfAnotherTypeOfHandlerIsNamedAsSuch) {
    EXPECT_THAT(
        problems(with("handlers: {h: {type: log, url: 'https://x', routes: [{}]}}\n")),
        ElementsAre(
            "2:27: 'handlers.h.url' belongs to handlers of type http or user_notification, not log"
        )
    );
    EXPECT_THAT(
        problems(with("handlers: {h: {type: http, routes: [{}]}}\n")),
        ElementsAre("2:12: 'handlers.h.url' is missing")
    );
}

TEST_F(ConfigTest, OptionsThatDoNotExistAreUnknown) {
    EXPECT_THAT(
        problems(subscription("    resource: users/x/messages\n    handlers: h\n    synch: delta\n")
        ),
        ElementsAre("10:5: unknown key 'subscriptions.s.synch', did you mean 'sync'?")
    );
}

TEST_F(ConfigTest, HandlersMayNotShareAFileOrTakeAReservedName) {
    const auto wrong = problems(with(
        "handlers:\n  a: {type: file, path: /x, routes: [{}]}\n  b: {type: file, path: /x, routes: "
        "[{}]}\n  lifecycle: {type: log, routes: [{}]}\n"
    ));
    EXPECT_THAT(
        wrong, ElementsAre(
                   "4:25: 'handlers.b.path' is written by handler 'a' already",
                   "5:3: the name 'lifecycle' is taken by graphhook itself"
               )
    );
}

TEST_F(ConfigTest, UnencryptedTargetsOffThisMachineAreAWarning) {
    const auto parsed =
        parse(with("handlers:\n  far: {type: http, url: 'http://x.example/', routes: [{}]}\n"
                   "  near: {type: http, url: 'http://127.0.0.1:8080/', routes: [{}]}\n"));
    EXPECT_TRUE(parsed.config);
    ASSERT_EQ(parsed.problems.size(), 1U);
    EXPECT_THAT(parsed.problems[0].message, HasSubstr("handlers.far.url"));
}

TEST_F(ConfigTest, PrintingHidesEverySecretAndCanBeReadAgain) {
    environment = {{"PW", "geheim"}};
    const auto text = with(
        "tenants: {t: {tenant_id: 84bd8158-6d4d-4958-8b9f-9d6445542f95, client_id: "
        "84bd8158-6d4d-4958-8b9f-9d6445542f95, credential: {client_secret: '${PW}'}}}\n"
        "handlers:\n  h:\n    type: http\n    url: https://x.example/\n    secret: ${PW}\n"
        "    headers: {Authorization: 'Bearer ${PW}'}\n    routes: [{kinds: [message]}, {}]\n"
        "  f: {type: file, path: '/a $${b}\"c', routes: [{}]}\n"
        "subscriptions:\n  s: {tenant: t, resource: \"users/x/mailFolders('inbox')/messages\", "
        "changes: created, handlers: [h]}\n"
    );
    const auto first = parse(text);
    ASSERT_TRUE(first.config);
    const auto printed = print_config(*first.config);
    EXPECT_THAT(printed, Not(HasSubstr("geheim")));
    EXPECT_THAT(printed, HasSubstr("client_secret: \"***\""));
    const auto second = parse(printed);
    ASSERT_TRUE(second.config) << to_string(second.problems.at(0), "f") << printed;
    EXPECT_EQ(print_config(*second.config), printed);
    EXPECT_EQ(std::get<handlers::FileOptions>(second.config->handlers[1].type).path, "/a ${b}\"c");
}

TEST_F(ConfigTest, AReloadTellsWhatNeedsARestart) {
    const auto before = *parse(receiver("  listen: 127.0.0.1:0\n")).config;
    const auto after = [this](const std::string& more) { return *parse(receiver(more)).config; };
    EXPECT_THAT(changed_needing_restart(before, before), IsEmpty());
    EXPECT_THAT(
        changed_needing_restart(
            before, after("  listen: 127.0.0.1:0\n  limits: {idle: 5s}\nlog: {level: debug}\n"
                          "handlers: {h: {type: log, routes: [{}]}}\n")
        ),
        IsEmpty()
    );
    EXPECT_THAT(
        changed_needing_restart(
            before, after("  listen: 127.0.0.1:1\n  threads: 2\n"
                          "  tls: {certificate: /c.pem, private_key: /k.pem}\n"
                          "store: {url: 'sqlite:/tmp/other.db'}\n")
        ),
        ElementsAre("receiver.listen", "receiver.threads", "receiver.tls", "store.url")
    );
}

TEST_F(ConfigTest, AnythingAtAllIsAnsweredWithProblemsNotWithACrash) {
    for (const auto* text :
         {"", "~", "[]", "{", "? [a]: b", "a: &a [*a]", "receiver: {? {x: y} : z}", "\x01\x02",
          "receiver: !!binary x", "tenants: {? : 1}", "%YAML 9.9\n---\n", "- - - - -"}) {
        EXPECT_FALSE(parse(text).config) << text;
    }
}

}  // namespace
}  // namespace graphhook::app
