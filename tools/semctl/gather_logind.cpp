#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "report/user_name.hpp"
#include "semctl/gather.hpp"

namespace shmsem::semctl {
namespace {

namespace fs = std::filesystem;

std::string trimmed(const std::string& text) {
    const auto first = text.find_first_not_of(" \t\r");
    if (first == std::string::npos) return {};
    return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

// As systemd: of its words for true and false any spelling; what is neither is ignored.
bool is_one_of(std::string word, std::initializer_list<const char*> words) {
    std::transform(word.begin(), word.end(), word.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return std::any_of(words.begin(), words.end(), [&](const char* each) { return word == each; });
}

std::string contents_of(const std::string& path) {
    // A file of /proc can be opened and then not be read, when the process has ended: what there was of it is what it says.
    std::ostringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
}

// The main file, then the drop-ins by name, of which one in an earlier directory hides those of its name in later ones.
std::vector<std::pair<std::string, std::string>> logind_files() {
    constexpr const char* roots[] = {"/etc/systemd", "/run/systemd", "/usr/local/lib/systemd", "/usr/lib/systemd"};
    std::vector<std::pair<std::string, std::string>> files;
    std::map<std::string, std::string> drop_ins;
    std::error_code ec;
    for (const std::string root : roots) {
        const std::string main = root + "/logind.conf";
        if (files.empty() && fs::exists(main, ec)) files.emplace_back(main, contents_of(main));
        for (fs::directory_iterator entry(root + "/logind.conf.d", ec), end; !ec && entry != end; entry.increment(ec)) {
            if (entry->path().extension() == ".conf") drop_ins.emplace(entry->path().filename(), entry->path());
        }
    }
    for (const auto& [name, path] : drop_ins) files.emplace_back(path, contents_of(path));
    return files;
}

bool is_running(const std::string& command) {
    std::error_code ec;
    for (fs::directory_iterator entry("/proc", ec), end; !ec && entry != end; entry.increment(ec)) {
        if (contents_of(entry->path() / "comm") == command + "\n") return true;
    }
    return false;
}

std::uint32_t last_system_uid() {
    std::ifstream file("/etc/login.defs");
    for (std::string line; std::getline(file, line);) {
        std::istringstream words(line);
        std::string key;
        std::uint32_t value = 0;
        if (words >> key >> value && key == "SYS_UID_MAX") return value;
    }
    return 999;
}

}  // namespace

logind_facts remove_ipc_of(const std::vector<std::pair<std::string, std::string>>& files) {
    logind_facts result;
    for (const auto& [path, text] : files) {
        std::istringstream lines(text);
        bool login = false;
        for (std::string line; std::getline(lines, line);) {
            line = trimmed(line);
            if (line.starts_with('[')) login = line == "[Login]";
            const auto equals = line.find('=');
            if (!login || equals == std::string::npos || trimmed(line.substr(0, equals)) != "RemoveIPC") continue;
            const std::string value = trimmed(line.substr(equals + 1));
            const bool yes = is_one_of(value, {"1", "yes", "y", "true", "t", "on"});
            const bool no = is_one_of(value, {"0", "no", "n", "false", "f", "off"});
            if (!yes && !no) continue;
            result.removes_ipc = yes;
            result.said_by = path;
        }
    }
    return result;
}

logind_facts gather_logind() {
    logind_facts result = remove_ipc_of(logind_files());
    std::error_code ec;
    // Its directories may be there without it. Where processes of others are hidden, what systemd started is believed to run.
    result.runs =
        is_running("systemd-logind") || (fs::exists("/run/systemd/system", ec) && fs::exists("/run/systemd/users", ec));
    return result;
}

account_facts gather_account(std::uint32_t uid) {
    const std::string name = report::user_name(uid);
    std::error_code ec;
    return {.uid = uid,
            .name = name,
            .system = uid <= last_system_uid(),
            .lingers = fs::exists("/var/lib/systemd/linger/" + name, ec)};
}

}  // namespace shmsem::semctl
