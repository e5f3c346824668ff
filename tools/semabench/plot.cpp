#include "plot.hpp"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "gnuplot.hpp"
#include "wording.hpp"

namespace semabench {

namespace {

/// What is left of a figure in its unit's own terms, and how gnuplot is to write it.
struct scale {
    double factor;
    const char* format;
};

scale scale_of(const std::string& unit) {
    if (unit == "ns") return {1e-9, "%.0s %cs"};
    if (unit == "/s") return {1, "%.0s %c/s"};
    if (unit == "B") return {1, "%.0s %cB"};
    return {1, "%.0f"};
}

std::string quoted(const std::string& text) {
    std::string result = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') result += '\\';
        result += c;
    }
    return result + "\"";
}

std::string number(double value) {
    char text[32];
    std::snprintf(text, sizeof text, "%.6g", value);
    return text;
}

void begin(std::ostream& to, const std::string& svg, int height, const std::string& title) {
    // noenhanced: no character of a name means anything else than itself.
    to << "reset\nset terminal svg noenhanced size 760," << height << " font 'sans-serif,12' background rgb 'white'\n"
       << "set output " << quoted(svg) << "\nset title " << quoted(title)
       << "\nset grid lc rgb '#dddddd'\nset border lc rgb '#888888'\n";
}

std::string direction_of(const measure& by) {
    return by.direction == better::lower ? "lower is better" : "higher is better";
}

std::string series_script(const finished& one, std::size_t measure, const std::string& svg) {
    const auto& by = one.what.measures[measure];
    const auto [factor, format] = scale_of(by.unit);
    std::ostringstream text;
    begin(text, svg, 340, one.what.name + ", " + by.name + ": " + direction_of(by));
    text << "set logscale xy\nset xlabel " << quoted(one.what.axis) << "\nset format y '" << format
         << "'\nset key below\nset offsets graph 0.05, graph 0.05, graph 0.1, graph 0.1\n";

    std::vector<std::string> names;
    std::map<std::string, std::ostringstream> data;
    double bound = 0;  // of the first contestant: its first point times what is wanted
    for (std::size_t i = 0; i < one.what.contestants.size(); ++i) {
        const auto& who = one.what.contestants[i];
        if (!who.size || one.result[i].rounds.empty()) continue;
        if (data.find(who.name) == data.end()) names.push_back(who.name);
        const auto values = spread_of(one.result[i].of(measure));
        data[who.name] << number(*who.size) << " " << number(values.median * factor) << " " << number(values.min * factor)
                       << " " << number(values.max * factor) << "\n";
    }
    if (names.empty()) return "";
    for (const auto& about : one.what.lines) {
        if (bound == 0 && about.measure == measure && about.wanted && about.peer && has_samples(one.result, about)) {
            bound = *about.wanted * spread_of(one.result[*about.peer].of(measure)).median * factor;
        }
    }
    for (std::size_t i = 0; i < names.size(); ++i) text << "$data" << i << " << EOD\n" << data[names[i]].str() << "EOD\n";
    text << "plot ";
    for (std::size_t i = 0; i < names.size(); ++i) {
        text << (i > 0 ? ", " : "") << "$data" << i << " using 1:2:3:4 with yerrorlines lw 2 pt 7 ps 0.5 title "
             << quoted(names[i]);
    }
    if (bound > 0) text << ", " << number(bound) << " with lines dt 2 lw 2 lc rgb '#c00000' title 'target'";
    text << "\nunset output\n";
    return text.str();
}

std::string boxes_script(const finished& one, std::size_t measure, const std::string& svg) {
    const auto& by = one.what.measures[measure];
    std::ostringstream data;
    int rows = 0;
    bool ratios = false;
    double largest = 0;
    for (const auto& about : one.what.lines) {
        if (about.measure != measure || !has_samples(one.result, about)) continue;
        ratios = about.peer.has_value();
        const auto found = judge(one.what, one.result, about);
        const auto& values = ratios ? found.ratio : found.figure;
        const double factor = ratios ? 1 : scale_of(by.unit).factor;
        const auto& name = one.what.contestants[about.peer.value_or(about.who)].name;
        data << quoted(name) << " " << ++rows;
        for (const double value : {values.min, values.q1, values.median, values.q3, values.max}) {
            data << " " << number(value * factor);
        }
        largest = std::max(largest, std::max(values.max, about.wanted.value_or(0)));
        data << " " << (about.wanted ? number(*about.wanted * factor) : "NaN") << "\n";
    }
    if (rows == 0) return "";
    const auto& ours = one.what.contestants.front().name;
    std::ostringstream text;
    begin(text, svg, 100 + 26 * rows,
          one.what.name + ", " + by.name + (ratios ? ", " + ours + " / peer: " : ": ") + direction_of(by));
    text << "set yrange [" << rows << ".6:0.4]\nset key off\nset style fill solid 0.4\nset boxwidth 0.5\n";
    if (ratios) {
        text << "set logscale x\nset arrow from 1, graph 0 to 1, graph 1 nohead lc rgb '#444444'\nset offsets graph 0.02, "
                "graph 0.02\n";
    } else {
        text << "set format x '" << scale_of(by.unit).format << "'\nset xrange [0:" << (largest > 0 ? "*" : "1") << "]\n";
    }
    text << "$data << EOD\n"
         << data.str() << "EOD\n"
         << "plot $data using 5:2:4:6:($2-0.25):($2+0.25) with boxxyerror lc rgb '#1f5fa8', "
         << "$data using 5:2:3:7:yticlabels(1) with xerrorbars lw 2 pt 7 ps 0.6 lc rgb '#1f5fa8', "
         << "$data using 8:($2-0.4):(0):(0.8) with vectors nohead lw 3 lc rgb '#c00000'\nunset output\n";
    return text.str();
}

}  // namespace

std::string plot_script(const finished& one, std::size_t measure, const std::string& svg) {
    return one.what.axis.empty() ? boxes_script(one, measure, svg) : series_script(one, measure, svg);
}

std::string plot_name(const benchmark& what, std::size_t measure) {
    std::string name = what.name;
    if (what.measures.size() > 1) name += "-" + what.measures.at(measure).name;
    std::replace_if(
        name.begin(), name.end(), [](char c) { return c == '/' || c == ' ' || c == '.'; }, '-');
    return name + ".svg";
}

void write_plots(const std::vector<finished>& all, const std::string& directory) {
    const std::filesystem::path place(directory);
    std::filesystem::create_directories(place);
    std::string script;
    for (const auto& one : all) {
        for (std::size_t measure = 0; measure < one.what.measures.size(); ++measure) {
            script += plot_script(one, measure, place / plot_name(one.what, measure));
        }
    }
    run_gnuplot(script);
}

}  // namespace semabench
