// `inspect`: what would be done with a body, step by step, without a network.

#include "app/cli/commands.hpp"
#include "app/cli/inspect_gather.hpp"
#include "app/cli/inspect_print.hpp"

#include <boost/json/serialize.hpp>

#include <iostream>

namespace graphhook::app {
ExitCode inspect(const CommandContext& context, const InspectArguments& arguments) {
    const auto gathered = gather_inspect(context, arguments, real_clock());
    if (const auto* refusal = std::get_if<Refusal>(&gathered)) {
        if (!refusal->why.empty()) std::cerr << "graphhook: " << refusal->why << '\n';
        return refusal->code;
    }
    const auto inspection = inspect_body(std::get<InspectFacts>(gathered));
    const auto reveal = arguments.reveal ? Reveal::Yes : Reveal::No;
    if (context.output == OutputFormat::Json) {
        std::cout << boost::json::serialize(to_json(inspection, reveal)) << std::endl;
    } else {
        std::cout << inspection_text(inspection, reveal) << std::flush;
    }
    return inspection.good ? kDone : kFailed;
}

}  // namespace graphhook::app
