#include "semtop/terminal.hpp"

#define NCURSES_WIDECHAR 1
#include <curses.h>
#include <poll.h>
#include <term.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <stdexcept>
#include <string>

// curses.h and term.h define these as macros.
#undef lines
#undef columns
#undef timeout

namespace shmsem::semtop {
namespace {

volatile std::sig_atomic_t ending_signal = 0;
void note_end(int signal) { ending_signal = signal; }

// Signals are let in only while semtop waits for a key, so that none comes in the middle of drawing.
constexpr std::array kHandled{SIGWINCH, SIGTSTP, SIGTERM, SIGINT, SIGHUP, SIGQUIT};
constexpr std::array kEnding{SIGTERM, SIGINT, SIGHUP, SIGQUIT};

void require_a_usable_terminal() {
    const char* name = std::getenv("TERM");
    const std::string called =
        name == nullptr || *name == '\0' ? "TERM is not set" : "the terminal \"" + std::string(name) + '"';
    const std::string remedy = "; set TERM to what it is, such as xterm-256color, or use --once";
    int outcome = 0;
    if (setupterm(nullptr, STDOUT_FILENO, &outcome) != OK) {
        if (name == nullptr || *name == '\0') throw std::runtime_error(called + remedy);
        throw std::runtime_error(called + " is not known here (terminfo has no entry)" + remedy);
    }
    const char* moves = tigetstr(const_cast<char*>("cup"));
    const bool can_move = moves != nullptr && moves != reinterpret_cast<char*>(-1) && *moves != '\0';
    del_curterm(cur_term);
    if (!can_move) throw std::runtime_error(called + " cannot place its cursor" + remedy);
}

key::code code_of(int pressed) {
    switch (pressed) {
        case KEY_UP: return key::code::up;
        case KEY_DOWN: return key::code::down;
        case KEY_PPAGE: return key::code::page_up;
        case KEY_NPAGE: return key::code::page_down;
        case KEY_HOME: return key::code::home;
        case KEY_END: return key::code::end;
        case KEY_ENTER: return key::code::enter;
        case KEY_BACKSPACE: return key::code::backspace;
        case KEY_F(1): return key::code::help;
        case KEY_F(6): return key::code::sort_menu;
        default: return key::code::other;
    }
}

key mouse_key() {
    MEVENT event{};
    key result;
    if (getmouse(&event) != OK) return result;
    result.row = static_cast<std::size_t>(std::max(event.y, 0));
    result.column = static_cast<std::size_t>(std::max(event.x, 0));
    if ((event.bstate & (BUTTON1_CLICKED | BUTTON1_PRESSED)) != 0) result.what = key::code::click;
    if ((event.bstate & BUTTON4_PRESSED) != 0) result.what = key::code::wheel_up;
    if ((event.bstate & BUTTON5_PRESSED) != 0) result.what = key::code::wheel_down;
    return result;
}

key character_key(wint_t typed) {
    if (typed == '\r' || typed == '\n') return {.what = key::code::enter};
    if (typed == 27) return {.what = key::code::escape};
    if (typed == 8 || typed == 127) return {.what = key::code::backspace};
    if (typed < 0x20) return {};
    std::array<char, MB_LEN_MAX> bytes{};
    std::mbstate_t shift{};
    const std::size_t count = std::wcrtomb(bytes.data(), static_cast<wchar_t>(typed), &shift);
    if (count == static_cast<std::size_t>(-1)) return {};
    return {.what = key::code::character, .text = std::string(bytes.data(), count)};
}

}  // namespace

struct terminal::state {
    SCREEN* handle = nullptr;
    std::array<attr_t, roles> attributes{};
    std::array<short, roles> pairs{};
    sigset_t while_waiting{};
    std::array<struct sigaction, kEnding.size()> before{};
    sigset_t mask_before{};
    bool hung_up = false;

    void choose_looks(const terminal_options& options) {
        const int there_are = tigetnum(const_cast<char*>("colors"));
        const colours most = there_are >= 256 ? colours::many : there_are >= 8 ? colours::few : colours::none;
        // Not more than the terminal has, whatever was asked for.
        const colours with = std::min(options.with.value_or(most), most);
        if (with != colours::none) {
            start_color();
            use_default_colors();
        }
        for (std::size_t i = 0; i < roles; ++i) {
            const look one = look_of(static_cast<role>(i), with);
            attributes[i] = (one.bold ? A_BOLD : A_NORMAL) | (one.dim ? A_DIM : A_NORMAL) |
                            (one.reverse ? A_REVERSE : A_NORMAL) | (one.underline ? A_UNDERLINE : A_NORMAL);
            if (with == colours::none || (one.text < 0 && one.background < 0)) continue;
            pairs[i] = static_cast<short>(i);
            init_pair(pairs[i], one.text, one.background);
        }
    }

    void take_signals() {
        ending_signal = 0;
        struct sigaction action {};
        action.sa_handler = note_end;
        for (std::size_t i = 0; i < kEnding.size(); ++i) ::sigaction(kEnding[i], &action, &before[i]);
        sigset_t handled;
        sigemptyset(&handled);
        for (const int signal : kHandled) sigaddset(&handled, signal);
        ::sigprocmask(SIG_BLOCK, &handled, &mask_before);
        while_waiting = mask_before;
        for (const int signal : kHandled) sigdelset(&while_waiting, signal);
    }

    void give_signals_back() {
        for (std::size_t i = 0; i < kEnding.size(); ++i) ::sigaction(kEnding[i], &before[i], nullptr);
        ::sigprocmask(SIG_SETMASK, &mask_before, nullptr);
    }
};

terminal::terminal(const terminal_options& options) : state_(std::make_unique<state>()) {
    require_a_usable_terminal();
    if (::getenv("ESCDELAY") == nullptr) set_escdelay(50);
    state_->handle = newterm(nullptr, stdout, stdin);
    if (state_->handle == nullptr)
        throw std::runtime_error("cannot use this terminal; set TERM to what it is, or use --once");
    cbreak();
    noecho();
    nonl();
    curs_set(0);
    keypad(stdscr, TRUE);
    nodelay(stdscr, TRUE);
    if (options.mouse) {
        mousemask(BUTTON1_PRESSED | BUTTON1_CLICKED | BUTTON4_PRESSED | BUTTON5_PRESSED, nullptr);
        mouseinterval(0);
    }
    state_->choose_looks(options);
    state_->take_signals();
}

terminal::~terminal() {
    endwin();
    delscreen(state_->handle);
    state_->give_signals_back();
}

size terminal::extent() const {
    return {.rows = static_cast<std::size_t>(std::max(LINES, 1)), .columns = static_cast<std::size_t>(std::max(COLS, 1))};
}

void terminal::show(const screen& what) {
    erase();
    const size of = what.extent();
    for (std::size_t row = 0; row < of.rows; ++row) {
        for (std::size_t column = 0; column < of.columns;) {
            // As long a piece as has one look, unless it is wide: each of these is placed by itself, so that terminals that
            // disagree about a character's width are out of step for one cell only.
            const role look = what.at(row, column).look;
            std::string piece;
            std::size_t end = column;
            do {
                piece += what.at(row, end).text;
                ++end;
            } while (end < of.columns && what.at(row, end).look == look && what.at(row, end - 1).text.size() == 1 &&
                     what.at(row, end).text.size() == 1);
            while (end < of.columns && what.at(row, end).text.empty()) ++end;
            const auto index = static_cast<std::size_t>(look);
            attr_set(state_->attributes[index], state_->pairs[index], nullptr);
            mvaddstr(static_cast<int>(row), static_cast<int>(column), piece.c_str());
            column = end;
        }
    }
    refresh();
}

terminal::input terminal::wait(std::chrono::nanoseconds at_most) {
    const auto read = [&]() -> input {
        wint_t typed = 0;
        const int kind = get_wch(&typed);
        if (kind == ERR) return {};
        if (kind != KEY_CODE_YES) return {.resized = false, .pressed = character_key(typed)};
        if (typed == KEY_RESIZE) return {.resized = true, .pressed = std::nullopt};
        if (typed == KEY_MOUSE) return {.resized = false, .pressed = mouse_key()};
        return {.resized = false, .pressed = key{.what = code_of(static_cast<int>(typed))}};
    };
    // What ncurses has read already is not in the file any more.
    if (input first = read(); first.resized || first.pressed) return first;
    if (told_to_end() != 0) return {};
    pollfd standard_input{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
    const auto s = std::chrono::duration_cast<std::chrono::seconds>(at_most);
    const timespec limit{.tv_sec = s.count(), .tv_nsec = (at_most - s).count()};
    const int ready = ::ppoll(&standard_input, 1, &limit, &state_->while_waiting);
    const bool gone = ready > 0 && (standard_input.revents & (POLLHUP | POLLERR | POLLNVAL)) != 0;
    input next = read();
    if (gone && !next.pressed && !next.resized) state_->hung_up = true;
    return next;
}

int terminal::told_to_end() const noexcept { return state_->hung_up ? SIGHUP : static_cast<int>(ending_signal); }

}  // namespace shmsem::semtop
