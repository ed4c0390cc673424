/**
 * Cleans up after this process when it dies without a chance to (SIGKILL, out of memory): a shell of one megabyte
 * that holds the other end of a pipe, is told what belongs to us, and acts when the pipe closes. A process that
 * ends in good order dismisses it.
 */
import { spawn } from 'node:child_process';

export interface Guardian {
  /** This process is to be ended with us: SIGTERM, then SIGKILL 2 s later. */
  watch(pid: number): void;
  /** It has ended; its number may soon be somebody else's. */
  forget(pid: number): void;
  /** All is cleaned up: the guardian goes and touches nothing. */
  dismiss(): void;
}

/**
 * Lines on stdin: `+<pid>`, `-<pid>`, `done`. End of file without `done` means that the parent died. A number is
 * kept with its start time, so that a process which was given it later is left alone.
 */
const script = `
started() { cut -d ' ' -f 22 "/proc/$1/stat" 2>/dev/null; }
signal() {
  for entry in $watched; do
    [ "$(started "\${entry%:*}")" = "\${entry#*:}" ] && kill "-$1" "\${entry%:*}" 2>/dev/null
  done
}
watched=''
while read -r line; do
  case "$line" in
    +*) watched="$watched \${line#+}:$(started "\${line#+}")" ;;
    -*) kept=''
        for entry in $watched; do [ "\${entry%:*}" = "\${line#-}" ] || kept="$kept $entry"; done
        watched=$kept ;;
    done) exit 0 ;;
  esac
done
if [ -n "$watched" ]; then signal TERM; sleep 2; signal KILL; fi
for folder in "$@"; do rm -rf -- "$folder"; done
`;

/** @param folders removed, with all that is in them, when this process dies */
export function startGuardian(folders: readonly string[]): Guardian {
  // Detached: Ctrl-C in a terminal reaches the whole foreground group and must not take the guardian first.
  const shell = spawn('sh', ['-c', script, 'plumb-guardian', ...folders], {
    detached: true, stdio: ['pipe', 'ignore', 'ignore'],
  });
  shell.on('error', () => {}); // No shell here: children still see their IPC channel close.
  shell.stdin.on('error', () => {});
  shell.unref();
  (shell.stdin as unknown as { unref?(): void }).unref?.();
  const say = (line: string): void => { if (shell.stdin.writable) shell.stdin.write(`${line}\n`); };
  return {
    watch: pid => say(`+${pid}`),
    forget: pid => say(`-${pid}`),
    dismiss: () => { if (shell.stdin.writable) shell.stdin.end('done\n'); },
  };
}
