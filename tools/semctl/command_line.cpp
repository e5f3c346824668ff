#include "semctl/command_line.hpp"

#include <CLI/CLI.hpp>
#include <climits>
#include <iostream>
#include <map>
#include <memory>

#include "semctl/durations.hpp"

namespace shmsem::semctl {
namespace {

constexpr const char* of_segment = "Segment";
constexpr const char* of_semaphore = "Semaphore";

// Options that go together, or do not, are checked here and not by the parser, whose help would list each pair.
struct wrong_usage {
    std::string what;
};

// An empty word is no name, and must not be taken for one that was left out.
std::string check_name(const std::string& text) { return text.empty() ? "a name cannot be empty" : std::string{}; }

CLI::Option* add_name(CLI::App& command, const char* name, std::string& into, const char* description) {
    return command.add_option(name, into, description)->check(check_name);
}

CLI::Option* add_names(CLI::App& command, std::vector<std::string>& into, const char* description) {
    return command.add_option("SEGMENT", into, description)->check(check_name);
}

void add_place(CLI::App& command, place& what) {
    add_name(command, "SEGMENT", what.segment, "Name of the segment")->required();
    add_name(command, "SEMAPHORE", what.semaphore, "Name of the semaphore in it")->required();
}

// Said by the description, so not again by the parser.
CLI::Validator between(std::int64_t least, std::int64_t most) { return CLI::Range(least, most).description(""); }

void add_duration(CLI::App& command, const char* name, duration& into, const char* description) {
    command
        .add_option_function<std::string>(
            name, [&into](const std::string& text) { into = *parse_duration(text); }, description)
        ->type_name("DURATION")
        ->group(of_semaphore)
        ->check([](const std::string& text) {
            const auto length = parse_duration(text);
            if (!length) return "'" + text + "' is no duration, such as 250ms, 30s, 2h or forever";
            const bool possible = *length > duration::zero() && (*length <= max_ttl || *length == forever);
            return possible ? std::string{} : "'" + text + "' is not above 0 and up to 100d, or forever";
        });
}

// One of some words; the parser's own way would show the enumerators as bytes.
template <class Value>
void add_choice(CLI::App& command, const char* name, const char* type, const std::map<std::string, Value>& values,
                Value& into, const char* group, const char* description) {
    std::vector<std::string> words;
    for (const auto& [word, value] : values) words.push_back(word);
    command
        .add_option_function<std::string>(
            name, [&into, values](const std::string& word) { into = values.at(word); }, description)
        ->type_name(type)
        ->group(group)
        ->check([words](const std::string& word) {
            std::string known;
            for (const auto& each : words) {
                if (each == word) return std::string{};
                known += (known.empty() ? "" : ", ") + each;
            }
            return "'" + word + "' is none of " + known;
        });
}

constexpr const char* for_leased[] = {"--permits", "--max-permits", "--ttl", "--max-hold", "--order", "--renewal"};
constexpr const char* for_ownerless[] = {"--initial", "--max"};

void add_semaphore_options(CLI::App& command, create_request& into) {
    const auto number = [&](const char* name, std::int64_t& value, std::int64_t least, std::int64_t most,
                            const char* description) {
        command.add_option(name, value, description)->group(of_semaphore)->type_name("N")->check(between(least, most));
    };
    number("-n,--permits", into.leased.permits, 1, 1 << 20, "Permits, 1 to 1048576 (1)");
    number("--max-permits", into.leased.max_permits, 1, 1 << 20,
           "How far it can be resized, 1 to 1048576 (twice the permits)");
    add_duration(command, "--ttl", into.leased.ttl,
                 "How long a frozen holder keeps a permit, or with --renewal manual any holder (30s)");
    add_duration(command, "--max-hold", into.leased.max_hold, "Longest hold, however often it is renewed (forever)");
    add_choice<order>(command, "--order", "ORDER", {{"fifo", order::fifo}, {"throughput", order::throughput}},
                      into.leased.order, of_semaphore,
                      "fifo (nobody overtakes; this it is), or throughput (a newcomer may, for 1 ms)");
    add_choice<renewal>(command, "--renewal", "RENEWAL", {{"automatic", renewal::automatic}, {"manual", renewal::manual}},
                        into.leased.renewal, of_semaphore,
                        "automatic (by the holder's background thread; this it is), or manual (by its own calls)");
    command
        .add_option_function<std::uint32_t>(
            "--max-waiters", [&into](const std::uint32_t& n) { into.leased.max_waiters = into.counting.max_waiters = n; },
            "How many may wait at once (as many as the segment has room for)")
        ->group(of_semaphore)
        ->type_name("N");
    command.add_flag("--ownerless", into.ownerless, "A count that anybody may raise, without owners")->group(of_semaphore);
    number("--initial", into.counting.initial, 0, INT_MAX, "With --ownerless: its first count, 0 to --max (0)");
    number("--max", into.counting.max, 1, INT_MAX, "With --ownerless: the highest count, 1 to 2147483647 (2147483647)");
}

// What the kind does not have is refused, rather than ignored.
void check_create(const CLI::App& command, const create_request& asked) {
    const auto given = [&](const char* name) { return command.get_option(name)->count() != 0; };
    const bool semaphore = given("SEMAPHORE");
    for (const char* option : for_leased) {
        if (given(option) && given("--ownerless")) throw wrong_usage{std::string(option) + " is not for --ownerless"};
        if (given(option) && !semaphore) throw wrong_usage{std::string(option) + " is of a semaphore: name one"};
    }
    for (const char* option : for_ownerless) {
        if (given(option) && !given("--ownerless")) throw wrong_usage{std::string(option) + " is for --ownerless only"};
    }
    for (const char* option : {"--ownerless", "--max-waiters"}) {
        if (given(option) && !semaphore) throw wrong_usage{std::string(option) + " is of a semaphore: name one"};
    }
    if (given("--max-permits") && asked.leased.max_permits < asked.leased.permits) {
        throw wrong_usage{"--max-permits is below --permits"};
    }
    if (asked.counting.initial > asked.counting.max) throw wrong_usage{"--initial is above --max"};
}

void add_limits(CLI::App& command, create_request& into) {
    const auto limit = [&](const char* name, std::uint32_t& value, std::int64_t most, const char* description) {
        command.add_option(name, value, description)->group(of_segment)->type_name("N")->check(between(1, most));
    };
    limit("--processes", into.limits.processes, 4096, "Room for so many attached processes, 1 to 4096 (512)");
    limit("--semaphores", into.limits.semaphores, 65536, "Room for so many semaphores, 1 to 65536 (64)");
    limit("--total-permits", into.limits.permits, 1 << 20,
          "Room for so many permits, of all semaphores together, 1 to 1048576 (4096)");
    limit("--waiters", into.limits.waiters, 1 << 20, "Room for so many waiters at once, 1 to 1048576 (1024)");
    limit("--tenants", into.limits.tenants, 4096, "Room for so many tenants, 1 to 4096 (64)");
    add_choice<sharing>(command, "--mode", "MODE",
                        {{"owner", sharing::owner}, {"group", sharing::group}, {"everyone", sharing::everyone}}, into.mode,
                        of_segment, "Who may use it: owner (0600; this it is), group (0660), everyone (0666)");
}

CLI::App* add_create(CLI::App& app, create_request& into) {
    auto* command = app.add_subcommand("create", "Create a segment, or a semaphore in one");
    add_name(*command, "SEGMENT", into.what.segment, "Name of the segment; with SEMAPHORE it is created if it is missing")
        ->required();
    add_name(*command, "SEMAPHORE", into.what.semaphore, "Name of a semaphore to create in it");
    command->add_flag("--if-missing", into.if_missing, "What exists with the same options will do");
    add_semaphore_options(*command, into);
    add_limits(*command, into);
    command->footer(
        "Durations: 250ms, 30s, 5m, 2h, 1d, forever; without a unit, seconds.\n\n"
        "Examples:\n"
        "  semctl create jobs                          a segment, for this user only\n"
        "  semctl create jobs gpu -n 4                 four permits, 30 s ttl\n"
        "  semctl create jobs io --ownerless --max 16  a plain count, as in POSIX\n"
        "  semctl create ci --mode group --processes 64");
    return command;
}

CLI::App* add_list(CLI::App& app, list_request& into) {
    auto* command = app.add_subcommand("list", "List segments: size, owner, attached processes");
    command->add_flag("--json", into.json, "As JSON");

    command->add_flag("--names", into.names_only,
                      "Names alone, a line each; of a SEGMENT its semaphores, of a SEMAPHORE its seats that are held");
    add_name(*command, "SEGMENT", into.within.segment, "With --names: name of a segment");
    add_name(*command, "SEMAPHORE", into.within.semaphore, "With --names: name of a semaphore in it");
    command->footer(
        "Examples:\n"
        "  semctl list                     every segment of this host\n"
        "  semctl list --names jobs        the semaphores of the segment \"jobs\"\n"
        "  semctl list --json | jq '.segments[] | select(.attached == 0)'");
    return command;
}

CLI::App* add_show(CLI::App& app, show_request& into) {
    auto* command = app.add_subcommand("show", "Show who holds and who waits, as semtop does");
    add_name(*command, "SEGMENT", into.what.segment, "Name of the segment")->required();
    add_name(*command, "SEMAPHORE", into.what.semaphore, "Only this semaphore of it");
    command->add_flag("--json", into.json, "As JSON, with the keys of semtop --json");
    command->footer(
        "Examples:\n"
        "  semctl show jobs                all of the segment \"jobs\"\n"
        "  semctl show jobs gpu --json     one semaphore, for programs");
    return command;
}

CLI::App* add_resize(CLI::App& app, resize_request& into) {
    auto* command = app.add_subcommand("resize", "Change the number of permits");
    add_place(*command, into.what);
    command->add_option("N", into.permits, "Permits from now on, 1 up to --max-permits of its creation")
        ->required()
        ->type_name("INT");
    command->footer(
        "Growing serves waiters at once. Shrinking takes nothing from its holder: what is held beyond N closes when it is\n"
        "released.\n\n"
        "Examples:\n"
        "  semctl resize jobs gpu 2");
    return command;
}

CLI::App* add_reap(CLI::App& app, reap_request& into) {
    auto* command = app.add_subcommand("reap", "Take back what dead holders and expired leases have");
    add_names(*command, into.segments, "Names of segments; without any, all that may be written");
    command->footer(
        "While processes are attached they do this by themselves; it is for segments that nobody is attached to.\n\n"
        "Examples:\n"
        "  semctl reap\n"
        "  semctl reap jobs");
    return command;
}

CLI::App* add_end(CLI::App& app, end_request& into) {
    auto* command = app.add_subcommand("end", "Take a permit away from its holder");
    add_place(*command, into.what);
    command->add_option("SEAT", into.seat, "Number of the permit: see semctl show")->required();
    command->add_option("--token", into.token, "Only the lease with this token; without it, the present holder's")
        ->type_name("N");
    command->footer(
        "The holder finds its lease lost, as if it had expired; its process is not ended. A lease that comes after the one\n"
        "that was seen is never ended.\n\n"
        "Examples:\n"
        "  semctl end jobs gpu 0\n"
        "  semctl end jobs gpu 0 --token 17");
    return command;
}

CLI::App* add_pause(CLI::App& app, pause_request& into) {
    auto* command = app.add_subcommand("pause", "Grant nothing until resume; who holds goes on");
    add_place(*command, into.what);
    command->footer(
        "Leases go on and are renewed, and waits time out. It stays paused when this program has ended.\n\n"
        "Examples:\n"
        "  semctl pause jobs gpu && drain-the-node; semctl resume jobs gpu");
    return command;
}

CLI::App* add_resume(CLI::App& app, pause_request& into) {
    auto* command = app.add_subcommand("resume", "Grant again after pause");
    add_place(*command, into.what);
    into.resume = true;
    command->footer("Examples:\n  semctl resume jobs gpu");
    return command;
}

CLI::App* add_remove(CLI::App& app, remove_request& into) {
    auto* command = app.add_subcommand("remove", "Remove segments that nobody uses");
    add_names(*command, into.segments, "Names of segments");
    command->add_flag("--force", into.force, "Also what is in use: its processes go on among themselves");
    command->add_flag("--orphans", into.orphans, "All segments of this user (as root: of all) that nobody is attached to");
    command->footer(
        "Examples:\n"
        "  semctl remove jobs\n"
        "  semctl remove --orphans");
    return command;
}

CLI::App* add_doctor(CLI::App& app, doctor_request& into) {
    auto* command = app.add_subcommand("doctor", "Find what is wrong, and say what to do");
    add_names(*command, into.segments, "Names of segments; without any, all of this host");
    command->add_flag("--json", into.json, "As JSON");
    command->add_flag("-v,--verbose", into.verbose, "Name the checks that found nothing, too");
    command->footer(
        "Looks at segments (invariants, files, holders, tables), at /dev/shm, at systemd-logind and at the kernel.\n"
        "Changes nothing.\n\n"
        "Exit status: 0 nothing is wrong (notes do not count), 3 something is.\n\n"
        "Examples:\n"
        "  semctl doctor\n"
        "  semctl doctor jobs || mail -s 'jobs is unwell' admin");
    return command;
}

// The requests live where the parser writes them.
struct requests {
    create_request create;
    list_request list;
    show_request show;
    resize_request resize;
    reap_request reap;
    end_request end;
    pause_request pause;
    pause_request resume;
    remove_request remove;
    doctor_request doctor;
};

constexpr const char* footer =
    "Exit status:\n"
    "  0  done; doctor: nothing is wrong\n"
    "  1  refused or failed, for all or some of what was asked for; a line for each says what, why, and what to do\n"
    "  2  usage\n"
    "  3  doctor: something is wrong\n"
    "\n"
    "Examples:\n"
    "  semctl create jobs gpu -n 4     a semaphore of four permits in the segment \"jobs\"\n"
    "  semctl show jobs gpu            who holds it, who waits\n"
    "  semctl resize jobs gpu 2        from now on two permits\n"
    "  semctl end jobs gpu 0           take seat 0 away from its holder\n"
    "  semctl doctor                   is anything wrong on this host?\n"
    "  semctl COMMAND --help           options and examples of one of them\n"
    "\n"
    "A name that begins with a dash goes after --, as in: semctl show -- -odd-name\n"
    "See also semctl(1), semtop(1), semrun(1).";

void check(const CLI::App& app, const requests& into) {
    if (app.get_subcommands().empty()) {
        std::string known;
        for (const auto* each : app.get_subcommands(nullptr)) known += (known.empty() ? "" : ", ") + each->get_name();
        throw wrong_usage{"name a command: " + known};
    }
    if (app.got_subcommand("create")) check_create(*app.get_subcommand("create"), into.create);
    if (app.got_subcommand("list")) {
        if (into.list.json && into.list.names_only) throw wrong_usage{"--json or --names, not both"};
        if (!into.list.within.segment.empty() && !into.list.names_only) {
            throw wrong_usage{"SEGMENT is for --names; semctl show tells what is in a segment"};
        }
    }
    if (app.got_subcommand("remove")) {
        if (into.remove.orphans && (into.remove.force || !into.remove.segments.empty())) {
            throw wrong_usage{"--orphans goes without SEGMENT and --force"};
        }
        if (!into.remove.orphans && into.remove.segments.empty()) throw wrong_usage{"name a SEGMENT, or use --orphans"};
    }
    if (into.doctor.json && into.doctor.verbose) throw wrong_usage{"--json or --verbose, not both"};
}

int refuse(const CLI::App& app, const std::string& what) {
    std::string command = "semctl";
    for (const auto* each : app.get_subcommands()) command += " " + each->get_name();
    std::cerr << command << ": " << report::printable(what, report::charset::ascii) << "; see " << command << " --help\n";
    return exit_usage;
}

}  // namespace

std::variant<request, int> parse(int argc, const char* const* argv) {
    request result;
    requests into;
    CLI::App app{"Creates, changes, examines and removes shmsem segments and their semaphores.", "semctl"};
    app.require_subcommand(0, 1);  // one at most, so that a name may be that of another
    app.add_flag("-q,--quiet", result.quiet, "Say nothing but errors");
    app.add_flag("--ascii", result.ascii, "Plain ASCII, whatever the locale");
    app.fallthrough();

    std::vector<std::pair<CLI::App*, std::function<decltype(request::what)()>>> commands{
        {add_create(app, into.create), [&] { return into.create; }},
        {add_list(app, into.list), [&] { return into.list; }},
        {add_show(app, into.show), [&] { return into.show; }},
        {add_resize(app, into.resize), [&] { return into.resize; }},
        {add_reap(app, into.reap), [&] { return into.reap; }},
        {add_end(app, into.end), [&] { return into.end; }},
        {add_pause(app, into.pause), [&] { return into.pause; }},
        {add_resume(app, into.resume), [&] { return into.resume; }},
        {add_remove(app, into.remove), [&] { return into.remove; }},
        {add_doctor(app, into.doctor), [&] { return into.doctor; }},
    };
    app.footer(footer);
    try {
        app.parse(argc, argv);
        check(app, into);
    } catch (const CLI::ParseError& error) {
        if (error.get_exit_code() == 0) return app.exit(error, std::cout, std::cerr);  // --help
        return refuse(app, error.what());
    } catch (const wrong_usage& error) {
        return refuse(app, error.what);
    }
    for (const auto& [command, asked] : commands) {
        if (command->parsed()) result.what = asked();
    }
    return result;
}

}  // namespace shmsem::semctl
