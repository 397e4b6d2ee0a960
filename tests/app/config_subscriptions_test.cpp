// The configuration of tenants and subscriptions: credentials, templates, polling, sweeping.

#include "tests/app/config_fixture.hpp"

namespace graphhook::app {
namespace {

using subscriptions::ClientCertificate;
using subscriptions::ClientSecret;
using subscriptions::FederatedToken;
using subscriptions::ManagedIdentity;
using subscriptions::SignedInUser;
using subscriptions::WantedSubscription;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class ConfigSubscriptionsTest : public ConfigFixture {
  protected:
    static std::string tenant(
        const std::string& credential,
        const std::string& id = "84bd8158-6d4d-4958-8b9f-9d6445542f95"
    ) {
        return with(fmt::format(
            "tenants:\n  t:\n    tenant_id: {}\n    client_id: "
            "84bd8158-6d4d-4958-8b9f-9d6445542f95\n    credential: {{{}}}\n"
            "handlers: {{h: {{type: log}}}}\nsubscriptions: {{s: {{tenant: t, resource: "
            "users/x/messages, changes: created, handlers: h}}}}\n",
            id, credential
        ));
    }

    subscriptions::Credential credential(const std::string& text) {
        const auto parsed = parse(tenant(text));
        for (const auto& problem : parsed.problems) ADD_FAILURE() << to_string(problem, "f");
        if (!parsed.config) return {};
        return parsed.config->subscriptions.tenants.at(0).credential;
    }

    WantedSubscription wanted(const std::string& more) {
        const auto parsed = parse(subscription("    handlers: h\n" + more));
        for (const auto& problem : parsed.problems) ADD_FAILURE() << to_string(problem, "f");
        if (!parsed.config) return {};
        return parsed.config->subscriptions.wanted.at(0);
    }
};

TEST_F(ConfigSubscriptionsTest, EveryKindOfCredentialReachesItsRoom) {
    EXPECT_TRUE(std::get<ClientSecret>(credential("client_secret: pw")).secret.equals("pw"));
    EXPECT_TRUE(
        std::get<ClientSecret>(credential("client_secret_file: /secret")).secret.equals("from file")
    );

    const auto certificate =
        std::get<ClientCertificate>(credential("certificate: /c.pem, private_key: /k.pem"));
    EXPECT_EQ(certificate.certificate_file, "/c.pem");
    EXPECT_EQ(certificate.private_key_file, "/k.pem");
    EXPECT_EQ(certificate.algorithm, ClientCertificate::Algorithm::PS256);
    const auto older =
        std::get<ClientCertificate>(credential("certificate: /c.pem, algorithm: RS256"));
    EXPECT_EQ(older.private_key_file, "");
    EXPECT_EQ(older.algorithm, ClientCertificate::Algorithm::RS256);

    EXPECT_EQ(
        std::get<FederatedToken>(credential("federated_token_file: /secret")).token_file, "/secret"
    );

    const auto user = std::get<SignedInUser>(credential(
        "refresh_token_file: /not/there/yet, scopes: [Mail.Read, Calendars.Read], certificate: "
        "/c.pem"
    ));
    EXPECT_EQ(user.token_file, "/not/there/yet");
    EXPECT_THAT(user.scopes, ElementsAre("Mail.Read", "Calendars.Read"));
    EXPECT_FALSE(user.secret);
    ASSERT_TRUE(user.certificate);
    EXPECT_EQ(user.certificate->certificate_file, "/c.pem");
    EXPECT_TRUE(std::get<SignedInUser>(credential("refresh_token_file: /t, client_secret: pw"))
                    .secret->secret.equals("pw"));
}

TEST_F(ConfigSubscriptionsTest, AManagedIdentityIsAskedForWhereTheEnvironmentSays) {
    const auto vm = std::get<ManagedIdentity>(credential("managed_identity: {}"));
    EXPECT_EQ(vm.imds, "http://169.254.169.254");
    EXPECT_EQ(vm.endpoint, "");
    environment = {{"IDENTITY_ENDPOINT", "http://127.0.0.1:41/msi"}, {"IDENTITY_HEADER", "h"}};
    const auto service = std::get<ManagedIdentity>(
        credential("managed_identity: {client_id: 84bd8158-6d4d-4958-8b9f-9d6445542f95, imds: "
                   "'http://127.0.0.1:9/'}")
    );
    EXPECT_EQ(service.client_id, "84bd8158-6d4d-4958-8b9f-9d6445542f95");
    EXPECT_EQ(service.imds, "http://127.0.0.1:9");
    EXPECT_EQ(service.endpoint, "http://127.0.0.1:41/msi");
    EXPECT_TRUE(service.header.equals("h"));
}

TEST_F(ConfigSubscriptionsTest, AnApplicationProvesItselfInExactlyOneWay) {
    EXPECT_THAT(
        problems(tenant("")),
        ElementsAre(HasSubstr("6:5: 'tenants.t.credential' says nothing: give "
                              "one of 'client_secret_file', 'certificate'"))
    );
    EXPECT_THAT(
        problems(tenant("client_secret: a, client_secret_file: /secret")),
        ElementsAre(HasSubstr("are both given"))
    );
    EXPECT_THAT(
        problems(tenant("client_secret: a, certificate: /c.pem")),
        ElementsAre(HasSubstr("has client_secret, certificate: an application proves itself in one "
                              "way; remove the others"))
    );
    EXPECT_THAT(
        problems(tenant("managed_identity: {}, federated_token_file: /secret")),
        ElementsAre(HasSubstr("has federated_token_file, managed_identity"))
    );
    EXPECT_THAT(
        problems(tenant("refresh_token_file: /t, managed_identity: {}")),
        ElementsAre(HasSubstr("beside a signed-in user's token only the client secret or the "
                              "certificate"))
    );
    EXPECT_THAT(
        problems(tenant("client_secret: a, private_key: /k.pem, algorithm: RS256")),
        ElementsAre(
            HasSubstr("credential.private_key' is about a certificate: give"),
            HasSubstr("credential.algorithm' is about a certificate: give")
        )
    );
    EXPECT_THAT(
        problems(tenant("client_secret: a, scopes: Mail.Read")),
        ElementsAre(HasSubstr("is for signed-in users: give"))
    );
    EXPECT_THAT(
        problems(tenant(
            "managed_identity: {client_id: 84bd8158-6d4d-4958-8b9f-9d6445542f95, resource_id: /r}"
        )),
        ElementsAre(HasSubstr("at most one of 'client_id', 'object_id' and 'resource_id'"))
    );
    EXPECT_THAT(problems(tenant("certificate: /no")), Contains(HasSubstr("can not read '/no'")));
    EXPECT_THAT(problems(tenant("client_secret_file: /empty")), Contains(HasSubstr("is empty")));
}

TEST_F(ConfigSubscriptionsTest, PersonalAccountsAreOfSignedInUsersOnly) {
    const auto* consumers = "9188040d-6c67-4c5b-b112-36a304b66dad";
    EXPECT_THAT(
        problems(tenant("client_secret: a", consumers)),
        ElementsAre(HasSubstr("4:16: 'tenants.t.tenant_id' means personal accounts"))
    );
    const auto parsed = parse(tenant("refresh_token_file: /t", consumers));
    ASSERT_TRUE(parsed.config) << to_string(parsed.problems.at(0), "f");
    EXPECT_TRUE(parsed.config->subscriptions.tenants[0].personal());
    EXPECT_TRUE(parsed.config->subscriptions.tenants[0].delegated());
}

TEST_F(ConfigSubscriptionsTest, EveryValueOfASubscriptionReachesItsRoom) {
    const auto plain = wanted("    resource: users/x/messages\n");
    const WantedSubscription fresh;
    EXPECT_EQ(plain.way, fresh.way);
    EXPECT_EQ(plain.poll_every, fresh.poll_every);
    EXPECT_EQ(plain.sync, fresh.sync);
    EXPECT_EQ(plain.initial_all, fresh.initial_all);
    EXPECT_EQ(plain.sweep_every, fresh.sweep_every);
    EXPECT_FALSE(plain.silence);
    EXPECT_FALSE(plain.is_template());

    const auto each = wanted(
        "    for_each: /groups/g/transitiveMembers\n    filter: accountEnabled eq true\n"
        "    resource: users/{id}/events\n    sync: delta\n    initial: all\n    sweep_every: 6h\n"
        "    silence: 2h\n"
    );
    EXPECT_EQ(each.for_each, "groups/g/transitiveMembers");
    EXPECT_EQ(each.filter, "accountEnabled eq true");
    EXPECT_TRUE(each.sync);
    EXPECT_TRUE(each.initial_all);
    EXPECT_EQ(each.sweep_every, std::chrono::hours(6));
    EXPECT_EQ(each.silence, std::chrono::hours(2));

    const auto polled = wanted(
        "    resource: security/alerts_v2\n    source: poll\n    poll_every: 1m\n    kind: alert\n"
    );
    EXPECT_EQ(polled.way, WantedSubscription::Way::Poll);
    EXPECT_EQ(polled.poll_every, std::chrono::minutes(1));

    const auto adopted = wanted("    resource: users/x/messages\n    client_state_file: /secret\n");
    EXPECT_EQ(adopted.client_state_file, "/secret");
    EXPECT_TRUE(adopted.client_state.equals("from file"));

    const auto printer = wanted(
        "    resource: print/printers/p/jobs\n    query_options: $filter=isFetchable eq true\n"
    );
    EXPECT_EQ(printer.query_options, "$filter=isFetchable eq true");
}

TEST_F(ConfigSubscriptionsTest, WhatSubscriptionsCanNotDoIsRefusedAtItsKey) {
    EXPECT_THAT(
        problems(subscription("    handlers: h\n    resource: users/{id}/messages\n")),
        Contains(HasSubstr("9:15: 'subscriptions.s.resource': `{id}` is filled in"))
    );
    EXPECT_THAT(
        problems(subscription("    handlers: h\n    resource: new/things\n    sync: delta\n")),
        Contains(HasSubstr("10:11: 'subscriptions.s.sync': Graph has no way to ask for the changes")
        )
    );
    EXPECT_THAT(
        problems(subscription("    handlers: h\n    resource: security/alerts_v2\n    kind: alert\n"
        )),
        Contains(HasSubstr("'subscriptions.s.resource': Graph has no notifications of alerts_v2"))
    );
}

TEST_F(ConfigSubscriptionsTest, WhatHasNoEffectAloneIsAWarning) {
    const auto parsed = parse(subscription(
        "    handlers: h\n    resource: users/x/messages\n    poll_every: 1m\n    sweep_every: 1h\n"
        "    silence: 1h\n    initial: all\n"
    ));
    EXPECT_TRUE(parsed.config);
    std::vector<std::string> texts;
    for (const auto& problem : parsed.problems) texts.push_back(problem.message);
    EXPECT_THAT(
        texts, ElementsAre(
                   HasSubstr("poll_every' does nothing without 'source: poll'"),
                   HasSubstr("sweep_every' does nothing without 'sync: delta'"),
                   HasSubstr("silence' does nothing without 'sync: delta'"),
                   HasSubstr("initial' does nothing without 'sync: delta'")
               )
    );
    EXPECT_THAT(
        problems(subscription("    handlers: h\n    resource: users/x/messages\n    sync: delta\n  "
                              "  sweep_every: 2d\n")),
        ElementsAre(HasSubstr("is not shorter than 'store.version_window'"))
    );
}

TEST_F(ConfigSubscriptionsTest, AReloadTakesUpEverythingAboutTenantsAndSubscriptions) {
    const auto before = *parse(tenant("client_secret: a")).config;
    const auto after =
        *parse(tenant("certificate: /c.pem") + "reconcile: {expand_every: 1h}\n").config;
    EXPECT_THAT(changed_needing_restart(before, after), IsEmpty());
    EXPECT_FALSE(same_below(before, after, "tenants.t"));
    const auto restart =
        *parse(tenant("client_secret: a") + "reconcile: {expand_every: 2h}\n").config;
    EXPECT_THAT(changed_needing_restart(before, restart), ElementsAre("reconcile.expand_every"));
}

}  // namespace
}  // namespace graphhook::app
