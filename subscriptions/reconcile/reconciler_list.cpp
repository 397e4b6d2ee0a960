// Reconciler: Graph's list, page by page, compared while it is read; nothing of it is kept but what
// is not known here and may matter.
#include "core/log.hpp"
#include "subscriptions/catalog/catalog.hpp"
#include "subscriptions/plan/renewal.hpp"
#include "subscriptions/reconcile/reconciler.hpp"

#include <functional>

namespace graphhook::subscriptions {

using namespace std::chrono_literals;

void Reconciler::read_list(const std::stop_token& stop) {
    Api api{};
    std::string link;
    std::uint32_t epoch = 0;
    {
        const std::lock_guard lock(mutex_);
        api = list_run_->api;
        link = list_run_->link;
        epoch = epoch_;
    }
    const auto page = parts_.graph.list_page(api, link, stop);
    parts_.quota.end({});
    if (page) note_success();
    {
        const std::lock_guard lock(mutex_);
        --jobs_;
        around_.now = parts_.clock.system_now();
        list_run_->under_way = false;
        if (page)
            read_page(*page);
        else
            list_failed(page.error(), epoch);
    }
    if (!page) note_error(page.error(), epoch);
    parts_.wake();
}

void Reconciler::list_failed(const GraphError& error, std::uint32_t) {
    if (error.next == Next::Aborted) {
        list_run_.reset();
        return;
    }
    log().warn(
        "graph's list of subscriptions is not to be had: tenant={} {}", tenant_, to_string(error)
    );
    list_needed_ = true;
    // Throttled, it goes on where it was.
    if (error.next == Next::Throttled) return;
    list_run_.reset();
    // Where the tenant waits as a whole, nothing is created before the list either.
    if (is_tenant_wide(error)) return;
    ++list_failures_;
    around_.list_not_before = around_.now + retry_after_failure(1h, list_failures_, tenant_);
    place_all();
}

void Reconciler::read_page(const ListPage& page) {
    ListRun& run = *list_run_;
    for (const GraphSubscription& seen : page.subscriptions) {
        if (const auto hit = targets_.by_graph_id(seen.id); hit.record != nullptr) {
            hit.record->memory.listed = run.number;
            hit.record->memory.listed_expiry = seen.expires_at;
            continue;
        }
        if (run.urls.contains(seen.notification_url) ||
            (!run.resources.empty() && run.resources.contains(comparable(seen.resource))))
            strangers_.put(seen, run.number, run.began);
    }
    if (!page.next_link.empty()) {
        if (run.links.insert(std::hash<std::string>()(page.next_link)).second) {
            run.link = page.next_link;
            return;
        }
        log().warn("graph's list of subscriptions goes round in circles: tenant={}", tenant_);
        list_run_.reset();
        list_needed_ = true;
        ++list_failures_;
        around_.list_not_before = around_.now + retry_after_failure(1h, list_failures_, tenant_);
        place_all();
        return;
    }
    if (run.api == Api::V1 && run.beta) {
        run.api = Api::Beta;
        run.link.clear();
        return;
    }
    end_list();
}

void Reconciler::end_list() {
    if (list_run_->outdated) {
        list_run_.reset();
        list_needed_ = true;
        return;
    }
    strangers_.end_list(list_run_->number);
    around_.listed_at = list_run_->began;
    around_.list_number = list_run_->number;
    around_.list_not_before = {};
    list_failures_ = 0;
    list_run_.reset();
    list_needed_ = false;
    place_all();
}

void Reconciler::delete_orphan(
    const std::string& id, std::uint32_t epoch, const std::stop_token& stop
) {
    log().info(
        "removing a subscription by an operator's word: tenant={} id={}", tenant_, for_log(id, 64)
    );
    const auto reply = parts_.graph.remove(Api::V1, id, stop);
    parts_.quota.end({});
    if (reply)
        note_success();
    else
        note_error(reply.error(), epoch);
    {
        const std::lock_guard lock(mutex_);
        --jobs_;
        if (reply) strangers_.erase(id);
    }
    parts_.wake();
}

}  // namespace graphhook::subscriptions
