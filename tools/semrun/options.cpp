#include "semrun/options.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <string_view>

#include "semrun/help.hpp"
#include "semrun/values.hpp"

// Read by hand and not by CLI11, as the other tools do: a tool that stands before every command should cost less than the
// command's own start.

namespace shmsem::semrun {
namespace {

constexpr std::int64_t kMostPermits = std::numeric_limits<std::uint32_t>::max();

/// One option. `set` takes the value in; false when it makes no sense.
struct option {
    char letter;  ///< 0: none
    std::string_view name;
    std::string_view value;  ///< what a value looks like, for messages; empty: it has none
    bool (*set)(options& into, std::string_view value);
};

template <std::int64_t Least>
bool set_number(std::int64_t& into, std::string_view text, std::int64_t most = kMostPermits) {
    const auto number = number_of(text, most);
    if (!number || *number < Least) return false;
    into = *number;
    return true;
}

bool set_name(std::string& into, std::string_view text) {
    into = text;
    return !text.empty();
}

bool set_variable(std::string& into, std::string_view text) {
    into = text;
    return !text.empty() && text.find('=') == std::string_view::npos;
}

bool set_sharing(options& into, std::string_view text) {
    constexpr std::array<std::string_view, 3> words{"owner", "group", "everyone"};
    const auto* found = std::find(words.begin(), words.end(), text);
    if (found == words.end()) return false;
    into.share = static_cast<shmsem::sharing>(found - words.begin());
    return true;
}

bool set_halt(options& into, std::string_view text) {
    if (text == "never") into.halt = halting::never;
    if (text == "soon") into.halt = halting::soon;
    if (text == "now") into.halt = halting::now;
    return text == "never" || text == "soon" || text == "now";
}

constexpr auto table = std::to_array<option>({
    {'n', "permits", "a number from 1",
     [](options& o, std::string_view v) { return set_number<1>(o.permits.emplace(), v); }},
    {0, "resize", "", [](options& o, std::string_view) { return o.resize = true; }},
    {'s', "segment", "a name", [](options& o, std::string_view v) { return set_name(o.segment, v); }},
    {0, "share", "owner, group or everyone", set_sharing},
    {0, "weight", "a number from 1", [](options& o, std::string_view v) { return set_number<1>(o.weight, v); }},
    {'w', "timeout", "a time such as 10, 250ms or 2m",
     [](options& o, std::string_view v) { return (o.timeout = duration_of(v)).has_value(); }},
    {0, "nonblock", "",
     [](options& o, std::string_view) {
         o.timeout = duration::zero();
         return true;
     }},
    {'E', "conflict-exit-code", "a number from 0 to 255",
     [](options& o, std::string_view v) {
         std::int64_t status = 0;
         const bool good = set_number<0>(status, v, 255);
         o.conflict_status = static_cast<int>(status);
         return good;
     }},
    {0, "ttl", "a time such as 30, 250ms or forever",
     [](options& o, std::string_view v) {
         const auto ttl = duration_of(v);
         o.ttl = ttl.value_or(duration::zero());
         return o.ttl > duration::zero();
     }},
    {0, "tenant", "a name", [](options& o, std::string_view v) { return set_name(o.tenant, v); }},
    {0, "label", "a text",
     [](options& o, std::string_view v) {
         o.label = v;
         return true;
     }},
    {0, "seat-env", "the name of an environment variable",
     [](options& o, std::string_view v) { return set_variable(o.seat_env, v); }},
    {0, "token-env", "the name of an environment variable",
     [](options& o, std::string_view v) { return set_variable(o.token_env, v); }},
    {0, "lost", "kill or warn",
     [](options& o, std::string_view v) {
         o.lost = v == "warn" ? on_loss::warn : on_loss::kill;
         return v == "warn" || v == "kill";
     }},
    {'k', "kill-after", "a time such as 10, 250ms or forever",
     [](options& o, std::string_view v) {
         const auto grace = duration_of(v);
         o.grace = grace.value_or(duration::zero());
         return grace.has_value();
     }},
    {'v', "verbose", "", [](options& o, std::string_view) { return o.verbose = true; }},
    {'x', "each", "", [](options& o, std::string_view) { return o.each = true; }},
    {'0', "null", "", [](options& o, std::string_view) { return o.null_separated = true; }},
    {'j', "jobs", "a number from 1",
     [](options& o, std::string_view v) {
         std::int64_t jobs = 0;
         if (!set_number<1>(jobs, v, 4096)) return false;
         o.jobs = static_cast<std::size_t>(jobs);
         return true;
     }},
    {0, "halt", "never, soon or now", set_halt},
    {'q', "quiet", "", [](options& o, std::string_view) { return o.quiet = true; }},
});

notice wrong(const std::string& what) { return {exit_usage, what + "; semrun --help lists the options and examples"}; }

std::string quoted(std::string_view text) { return '"' + std::string(text) + '"'; }

/// What the arguments mean together.
std::optional<notice> contradiction(const options& o) {
    if (o.semaphore.empty()) return wrong("no semaphore is named");
    if (o.command.empty()) {
        return wrong("there is no command to run with semaphore " + quoted(o.semaphore) + ": semrun NAME -- COMMAND");
    }
    if (o.resize && !o.permits) return wrong("--resize needs --permits: how many are there to be?");
    if (o.permits && o.weight > *o.permits) {
        return wrong("--weight " + std::to_string(o.weight) + " is more than the " + std::to_string(*o.permits) +
                     " of --permits, and would never be had");
    }
    if (!o.each && (o.null_separated || o.jobs || o.halt != halting::never || o.quiet)) {
        return wrong("--null, --jobs, --halt and --quiet are for --each");
    }
    if (o.each && o.timeout == duration::zero()) return wrong("--nonblock is not for --each: its jobs wait their turn");
    return std::nullopt;
}

/// Takes in one option at `at`, and its value, which may be in the next argument. @return what is wrong with it
class reader {
   public:
    reader(const std::vector<std::string>& arguments, options& into) : arguments_(arguments), into_(into) {}

    [[nodiscard]] std::optional<notice> long_option(std::size_t& at) {
        const std::string_view whole = std::string_view(arguments_[at]).substr(2);
        const auto equals = whole.find('=');
        const std::string_view name = whole.substr(0, equals);
        if (name == "help") return notice{exit_ok, help_text()};
        const auto* found = std::find_if(table.begin(), table.end(), [&](const option& o) { return o.name == name; });
        if (found == table.end()) return wrong("there is no option --" + std::string(name));
        if (equals != std::string_view::npos) {
            if (found->value.empty()) return wrong("--" + std::string(name) + " takes no value");
            return apply(*found, whole.substr(equals + 1));
        }
        return with_value(*found, at);
    }

    [[nodiscard]] std::optional<notice> short_options(std::size_t& at) {
        const std::string_view letters = arguments_[at];
        for (std::size_t i = 1; i < letters.size(); ++i) {
            if (letters[i] == 'h') return notice{exit_ok, help_text()};
            const auto* found =
                std::find_if(table.begin(), table.end(), [&](const option& o) { return o.letter == letters[i]; });
            if (found == table.end()) return wrong("there is no option -" + std::string(1, letters[i]));
            if (!found->value.empty() && i + 1 < letters.size()) return apply(*found, letters.substr(i + 1));
            if (auto bad = with_value(*found, at)) return bad;
        }
        return std::nullopt;
    }

   private:
    [[nodiscard]] std::optional<notice> with_value(const option& what, std::size_t& at) {
        if (what.value.empty()) return apply(what, {});
        if (at + 1 == arguments_.size()) {
            return wrong("--" + std::string(what.name) + " needs " + std::string(what.value));
        }
        return apply(what, arguments_[++at]);
    }

    [[nodiscard]] std::optional<notice> apply(const option& what, std::string_view value) {
        if (what.set(into_, value)) return std::nullopt;
        return wrong("--" + std::string(what.name) + " needs " + std::string(what.value) + ", not " + quoted(value));
    }

    const std::vector<std::string>& arguments_;
    options& into_;
};

}  // namespace

std::variant<options, notice> parse(const std::vector<std::string>& arguments, const std::string& segment) {
    options result;
    result.segment = segment;
    reader read(arguments, result);
    std::size_t at = 0;
    for (; at < arguments.size(); ++at) {
        const std::string& argument = arguments[at];
        std::optional<notice> instead;
        if (argument == "--") {
            ++at;
            break;
        }
        if (argument.starts_with("--")) {
            instead = read.long_option(at);
        } else if (argument.starts_with('-') && argument.size() > 1) {
            instead = read.short_options(at);
        } else if (result.semaphore.empty() && !argument.empty()) {
            result.semaphore = argument;
        } else {
            break;  // the command begins here
        }
        if (instead) return *instead;
    }
    if (result.semaphore.empty() && at < arguments.size()) result.semaphore = arguments[at++];
    result.command.assign(arguments.begin() + static_cast<std::ptrdiff_t>(std::min(at, arguments.size())), arguments.end());
    if (auto bad = contradiction(result)) return *bad;
    return result;
}

std::vector<std::string> option_names() {
    std::vector<std::string> names{"--help"};
    for (const option& o : table) names.push_back("--" + std::string(o.name));
    return names;
}

}  // namespace shmsem::semrun
