#include "semrun/help.hpp"

namespace shmsem::semrun {

std::string help_text() {
    return R"(Usage: semrun [OPTION...] NAME [--] COMMAND [ARGUMENT...]
       semrun [OPTION...] NAME --each [--] COMMAND [ARGUMENT... {} ...] < LINES

Runs COMMAND while holding a permit of the semaphore NAME, which is made at first use. Whoever finds no permit waits in
line: first come, first served. However semrun ends, its permit goes to the next in line, and its command goes with it.

The semaphore:
  -n, --permits N             how many it has; without it: as many as it has already, or 1
      --resize                give it N permits when it exists with another number
  -s, --segment NAME          where it lies; default: $SEMRUN_SEGMENT, or semrun.UID, one for each user
      --share WHO             who may use a segment that this makes: owner (default), group or everyone; with another
                              than owner, another user's segment is used as well
The wait:
  -w, --timeout TIME          give up after TIME: 10, 0.5, 250ms, 2m, 8h, 3d; exit with the status of -E
      --nonblock              give up at once, as --timeout 0
  -E, --conflict-exit-code N  status when there was no permit in time; default 1
  -v, --verbose               say on the standard error how long the line is, who holds the permit, and what was had
The permit:
      --weight N              take N permits at once, all or none
      --ttl TIME              a semrun that is stopped or frozen loses its permit after TIME; default: the semaphore's,
                              30s; forever: never
      --tenant NAME           who this work is for, as semtop shows it
      --label TEXT            what this work is, 23 bytes; default: the command's name, with --each the line
      --lost kill|warn        when the permit is lost: end the command (default), or only say so
  -k, --kill-after TIME       how long a command that is to end may take after SIGTERM before SIGKILL; default 10s
The command:
      --seat-env VARIABLE     export the number of the seat, 0 to N-1, different for all who hold a permit now; with a
                              weight several, as in 0,2
      --token-env VARIABLE    export the fencing token, which grows with every lease of that seat
Many commands:
  -x, --each                  one command for each line of the standard input, each with a permit of its own; {} is
                              replaced by the line, which is appended where no {} is; what a command prints comes out
                              in one piece when it ends
  -0, --null                  lines end with a NUL byte and not with a line feed
  -j, --jobs N                run at most N at once; default: as many as there are permits for
      --halt WHEN             after a job has failed: never (default) stop, soon (start no more) or now (end all)
  -q, --quiet                 no progress and no summary
  -h, --help                  this text

Exit status:
  the command's own, or 128 + n when signal n ended it
  1    no permit in time (-E chooses another)
  2    wrong arguments
  123  with --each: some job failed
  124  the permit was lost and the command was ended for it
  125  semrun failed: the message names the segment, the cause and the remedy
  126  the command was found and cannot be run
  127  the command was not found

Examples:
  semrun -n 3 encode -- ffmpeg -i in.mkv out.mp4          at most 3 of these at once on this host, by any of its shells
  semrun nightly --nonblock -E 0 -- backup.sh             not beside one that still runs
  semrun -n 2 gpu --seat-env CUDA_VISIBLE_DEVICES -- train.py   each on a GPU of its own
  semrun -v -w 10m deploy -- ./deploy.sh                  says who is in the way, and gives up after 10 minutes
  ls *.png | semrun -n 4 encode --each -- convert {} out/{}     4 at once, together with all others that use "encode"
  find . -name '*.log' -print0 | semrun -n 2 disk --each -0 --halt soon -- gzip
)";
}

}  // namespace shmsem::semrun
