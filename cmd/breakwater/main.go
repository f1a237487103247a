// Command breakwater is a child-safety layer that an online platform runs
// beside its service: it answers, for every event, what each age may meet.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/spf13/cobra"
)

// Exit statuses, as in the outside contract.
const (
	exitDone        = 0
	exitFound       = 1 // done, but something was found or failed
	exitUsage       = 2
	exitNotCompiled = 3 // policy does not compile
	exitTestsFailed = 4 // policy tests fail
)

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(200) // little lives long, so memory is cheaper here than collecting it
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run is main without the process: it returns the exit status.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	root := newRoot()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitDone
	}
	status := exitUsage // cobra's own errors are about flags and arguments
	var s *statusError
	if errors.As(err, &s) {
		status = s.status
	}
	switch message := err.Error(); {
	case message == "":
	case status == exitNotCompiled: // lines of file:line:column, which editors follow
		fmt.Fprintln(stderr, message)
	default:
		fmt.Fprintln(stderr, "breakwater:", message)
	}
	return status
}

// statusError ends the program with an exit status. An empty cause says
// nothing more: what was found is already printed.
type statusError struct {
	status int
	cause  error
}

func (e *statusError) Error() string {
	if e.cause == nil {
		return ""
	}
	return e.cause.Error()
}

func (e *statusError) Unwrap() error { return e.cause }

// failed is a run-time failure, as against wrong usage.
func failed(err error) error {
	if err == nil {
		return nil
	}
	return &statusError{status: exitFound, cause: err}
}

// help is what a command does that only has others under it. Without, cobra
// takes a misspelt one for a wish for help, and is content.
func help(cmd *cobra.Command, _ []string) error { return cmd.Help() }

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "breakwater",
		Short: "A child-safety layer that any online platform can run beside its service",
		Long: `Breakwater answers, for every post, message, contact request, search and AI
prompt, what a child of each age may meet here, does what follows, and can
prove afterwards what it did.

Exit status: 0 done, 1 done but something was found or failed, 2 wrong usage,
3 policy does not compile, 4 policy tests fail.`,
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          cobra.NoArgs,
		RunE:          help,
	}
	root.CompletionOptions.HiddenDefaultCmd = true
	root.AddCommand(
		newServe(), newDemo(), newDecide(), newPolicy(), newKey(),
		newSimulate(), newBench(), newAge(), newHash(), newList(), newScan(), newText(), newConfig(), newVersion(),
	)
	return root
}
