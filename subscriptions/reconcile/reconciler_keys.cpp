// Reconciler: what resource data is encrypted with, and how subscriptions come to another
// certificate.
#include "core/log.hpp"
#include "core/time_text.hpp"
#include "subscriptions/reconcile/reconciler.hpp"

namespace graphhook::subscriptions {

void Reconciler::look_at_certificate() {
    if (!parts_.certificate) return;
    auto now = parts_.certificate();
    const std::lock_guard lock(mutex_);
    const bool same = now ? certificate_ != nullptr && certificate_->id == now->id &&
                                certificate_->der_base64 == now->der_base64 &&
                                certificate_->not_after == now->not_after
                          : certificate_ == nullptr;
    if (same) return;
    around_.now = parts_.clock.system_now();
    if (now) {
        if (now->id != last_key_) {
            last_key_ = now->id;
            if (++around_.certificate_number == 0) ++around_.certificate_number;
        }
        around_.certificate_id = now->id;
        around_.certificate_ends = now->not_after;
        certificate_ = std::make_shared<const EncryptionCertificate>(std::move(*now));
        log().debug(
            "resource data is encrypted for this certificate from now on: tenant={} certificate={} "
            "ends={}",
            tenant_, for_log(certificate_->id, 128), to_text(certificate_->not_after)
        );
    } else {
        around_.certificate_id.clear();
        around_.certificate_ends = {};
        certificate_.reset();
    }
    if (loaded_) place_all();
}

CertificatePtr Reconciler::key_to_take_along(const Job& job) {
    const std::string& has = job.record.certificate_id;
    if (job.entry == nullptr || !job.entry->resource_data || has.empty()) return nullptr;
    if (job.certificate == nullptr || job.certificate->id == has) return nullptr;
    return job.certificate;
}

/// The record keeps the one that is known to be there, until a GET shows the other.
void Reconciler::key_was_sent(const Job& job) {
    remember(job, [&job](Memory& m) {
        m.key_sent = job.key_number;
        m.key_misses = 0;
    });
}

void Reconciler::move_key(Job& job, const std::stop_token& stop) {
    Stored& record = job.record;
    const CertificatePtr key = key_to_take_along(job);
    if (key == nullptr) return;
    const SystemTime sent = parts_.clock.system_now();
    const auto reply =
        parts_.graph.move_key(api_of(job), record.graph_id, sent + life_for(job), key, stop);
    if (!reply) {
        const GraphError& error = reply.error();
        if (error.next == Next::NotFound) return gone_at_graph(job, error);
        if (learn_limit(job, error)) {
            record.attempt_at = {};
            save(job);
            return;
        }
        // Without an answer it may have happened: a GET tells, while the next touch has to wait.
        if (error.status == 0 && error.uncertain) record.touched_at = sent;
        // Where Graph takes no certificate in a PATCH at all, it is as if it had ignored it.
        if (error.next == Next::Refused && error.status == 400) key_was_sent(job);
        return failed(job, error, true);
    }
    record.touched_at = sent;
    key_was_sent(job);
    remember(job, [sent](Memory& m) {
        m.wants_renewal = false;
        m.wants_check = false;
        if (m.wants_reauthorize <= sent) m.wants_reauthorize = {};
    });
    granted(job, reply->expires_at, sent);
    note_success();
    parts_.metrics.renewal("renewed");
    log().info(
        "a subscription is led to another certificate: name={} tenant={} certificate={}",
        record.name, tenant_, for_log(key->id, 128)
    );
}

void Reconciler::learn_key(Job& job, const GraphSubscription& there) {
    Stored& record = job.record;
    if (record.certificate_id.empty()) return;
    if (!there.certificate_id.empty())
        record.certificate_id = there.certificate_id;
    else if (there.include_resource_data == false)
        record.certificate_id.clear();  // it has none: it is replaced
    if (job.memory.key_sent == 0) return;
    const bool about_ours = job.certificate != nullptr && job.memory.key_sent == job.key_number;
    // Where Graph does not show the id, nothing shows that it was taken either.
    const bool taken = about_ours && there.certificate_id == job.certificate->id;
    if (taken || !about_ours) {
        remember(job, [](Memory& m) {
            m.key_sent = 0;
            m.key_misses = 0;
        });
        return;
    }
    if (parts_.clock.system_now() < key_settled_at(record.touched_at, job.memory)) return;
    remember(job, [](Memory& m) { ++m.key_misses; });
    log().warn(
        "graph does not show the certificate that a subscription was led to: name={} tenant={} "
        "certificate={} time={}",
        record.name, tenant_, for_log(job.certificate->id, 128), job.memory.key_misses + 1
    );
}

void Reconciler::count_certificates(std::map<std::string, std::size_t>& into) const {
    const std::lock_guard lock(mutex_);
    targets_.each([&into](const Target& target) {
        for (const Record& record : target.records) {
            if (record.live() && record.rich()) ++into[record.shape->certificate_id];
        }
    });
}

}  // namespace graphhook::subscriptions
