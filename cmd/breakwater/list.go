package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/breakwater-project/breakwater/internal/app"
	"github.com/breakwater-project/breakwater/internal/fault"
	"github.com/breakwater-project/breakwater/internal/hashlist"
)

func newList() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "list",
		Short: "Banks of known hashes: create, import, export, sync, show",
		Long: `Banks of known hashes, in the database that a server may be running on: it
sees each change within about a second.`,
		Args: cobra.NoArgs, RunE: help,
	}
	cmd.AddCommand(newListCreate(), newListImport(), newListExport(), newListSync(), newListShow())
	return cmd
}

// withBanks runs f on the banks of the configured database.
func withBanks(cmd *cobra.Command, s *settings, f func(*hashlist.Banks) error) error {
	cfg, err := s.load(cmd, storage)
	if err != nil {
		return err
	}
	banks, closeDB, err := app.OpenBanks(cmd.Context(), cfg)
	if err != nil {
		return failed(err)
	}
	return failed(errors.Join(plainly(f(banks)), closeDB()))
}

// plainly is a refusal in the words that are for its reader.
func plainly(err error) error {
	f := fault.From(err)
	if err == nil || f.Kind == fault.Internal || f.Detail == "" {
		return err
	}
	lines := []string{strings.TrimSuffix(f.Detail, ".")}
	for _, field := range f.Fields {
		lines = append(lines, field.Location+": "+field.Message)
	}
	return errors.New(strings.Join(lines, "\n"))
}

func newListCreate() *cobra.Command {
	b := hashlist.NewBank("")
	kind := string(b.Kind)
	cmd := &cobra.Command{
		Use:   "create NAME",
		Short: "Make a bank",
		Long: `Make a bank. Names are told apart by their capitals with _ for . and -, as
Hasher-Matcher-Actioner writes them. A match in a bank of kind innocent takes
back matches in others.`,
		Args: cobra.ExactArgs(1),
	}
	s := bind(cmd, storage)
	cmd.Flags().StringVar(&kind, "kind", kind, "csam, iia (intimate images), terrorism, innocent or other")
	cmd.Flags().StringVar(&b.Source, "source", "", "who keeps the list")
	cmd.Flags().StringVar(&b.Classification, "classification", "", "of entries that have none of their own")
	cmd.Flags().IntVar(&b.Distance, "distance", b.Distance, "bits in which PDQ hashes may differ")
	cmd.Flags().Float64Var(&b.Ratio, "ratio", b.Ratio, "share of content that the bank is used for; 0 is off")
	cmd.Flags().StringVar(&b.Note, "note", "", "what it is for")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		b.Name, b.Kind = args[0], hashlist.BankKind(kind)
		return withBanks(cmd, s, func(banks *hashlist.Banks) error {
			made, err := banks.Create(cmd.Context(), b)
			if err == nil {
				fmt.Fprintf(cmd.OutOrStdout(), "%s is made, of kind %s\n", made.Name, made.Kind)
			}
			return err
		})
	}
	return cmd
}

func newListImport() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "import NAME FILE",
		Short: "Put the entries in a file into a bank",
		Long: `Put the entries in a file, or in standard input (-), into a bank: one a line,
as NDJSON or CSV. Lines that cannot be kept are listed and the others kept;
the exit status is then 1. Killed halfway and begun again, it loses nothing
and has nothing twice.`,
		Args: cobra.ExactArgs(2),
	}
	s := bind(cmd, storage)
	cmd.Flags().StringVar(&format, "format", "", "ndjson or csv (default: csv if the file is called so)")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		f, err := listFormat(format, args[1])
		if err != nil {
			return err
		}
		in, size, closeFile, err := openInput(cmd, args[1])
		if err != nil {
			return failed(err)
		}
		defer closeFile()
		return withBanks(cmd, s, func(banks *hashlist.Banks) error {
			bar := newProgress(cmd.ErrOrStderr(), "import", size)
			defer bar.end()
			done, err := banks.Import(cmd.Context(), args[0], in, f, func(so hashlist.Imported) { bar.set(so.Bytes) })
			bar.end()
			return errors.Join(printImported(cmd, args[0], done), err)
		})
	}
	return cmd
}

// openInput is a file, or standard input for -, and its size if that is known.
func openInput(cmd *cobra.Command, name string) (io.Reader, int64, func(), error) {
	if name == "-" {
		return cmd.InOrStdin(), 0, func() {}, nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, 0, nil, err
	}
	var size int64
	if info, err := f.Stat(); err == nil {
		size = info.Size()
	}
	return f, size, func() { _ = f.Close() }, nil // it was only read
}

// printImported says what was done; that lines were refused is an error
// without words.
func printImported(cmd *cobra.Command, bank string, done hashlist.Imported) error {
	for _, e := range done.Errors {
		fmt.Fprintf(cmd.ErrOrStderr(), "line %d: %s\n", e.Line, e.Message)
	}
	if more := done.Refused - int64(len(done.Errors)); more > 0 {
		fmt.Fprintf(cmd.ErrOrStderr(), "and %d lines more\n", more)
	}
	fmt.Fprintf(cmd.OutOrStdout(), "%s, version %d: %d added, %d changed, %d unchanged, %d refused\n",
		bank, done.Version, done.Added, done.Changed, done.Unchanged, done.Refused)
	if done.Refused > 0 {
		return &statusError{status: exitFound}
	}
	return nil
}

func listFormat(flag, file string) (hashlist.Format, error) {
	switch {
	case flag == string(hashlist.CSV), flag == "" && strings.EqualFold(filepath.Ext(file), ".csv"):
		return hashlist.CSV, nil
	case flag == string(hashlist.NDJSON), flag == "":
		return hashlist.NDJSON, nil
	}
	return "", fmt.Errorf("--format must be ndjson or csv")
}

func newListExport() *cobra.Command {
	var format, output string
	cmd := &cobra.Command{
		Use:   "export NAME",
		Short: "Write the entries of a bank, one a line",
		Long: `Write the entries of a bank, one a line, as NDJSON or CSV. Of addresses there
are keyed digests only, which the same installation reads again. The bank's
version goes to standard error.`,
		Args: cobra.ExactArgs(1),
	}
	s := bind(cmd, storage)
	cmd.Flags().StringVar(&format, "format", "", "ndjson or csv (default: csv if the output is called so)")
	cmd.Flags().StringVarP(&output, "output", "o", "", "file, made anew (default: standard output)")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		f, err := listFormat(format, output)
		if err != nil {
			return err
		}
		return withBanks(cmd, s, func(banks *hashlist.Banks) error {
			b, err := banks.Bank(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			if output != "" {
				file, err := os.OpenFile(output, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
				if err != nil {
					return err
				}
				return errors.Join(exportTo(cmd, banks, b, file, f), file.Close())
			}
			return exportTo(cmd, banks, b, out, f)
		})
	}
	return cmd
}

func exportTo(cmd *cobra.Command, banks *hashlist.Banks, b hashlist.Bank, out io.Writer, f hashlist.Format) error {
	bar := newProgress(cmd.ErrOrStderr(), "export", b.Entries)
	defer bar.end()
	buffered := bufio.NewWriterSize(out, 1<<16)
	done, err := banks.Export(cmd.Context(), b.Name, buffered, f, bar.set)
	if err = errors.Join(err, buffered.Flush()); err != nil {
		return err
	}
	bar.end()
	meanwhile := ""
	if done.Changed {
		meanwhile = "; it changed meanwhile"
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "%s, version %d: %d entries%s\n", done.Bank.Name, done.Bank.Version, done.Entries, meanwhile)
	return nil
}

func newListShow() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{Use: "show [NAME]", Short: "Every bank, or one", Args: cobra.MaximumNArgs(1)}
	s := bind(cmd, storage)
	cmd.Flags().BoolVar(&asJSON, "json", false, "one JSON object a line")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return withBanks(cmd, s, func(banks *hashlist.Banks) (err error) {
			var all []hashlist.Bank
			if len(args) == 1 {
				var b hashlist.Bank
				b, err = banks.Bank(cmd.Context(), args[0])
				all = []hashlist.Bank{b}
			} else {
				all, err = banks.List(cmd.Context())
			}
			if err != nil {
				return err
			}
			return printBanks(cmd.OutOrStdout(), all, asJSON)
		})
	}
	return cmd
}

func printBanks(w io.Writer, banks []hashlist.Bank, asJSON bool) error {
	if asJSON {
		out := json.NewEncoder(w)
		for _, b := range banks {
			if err := out.Encode(hashlist.AnswerOf(b)); err != nil {
				return err
			}
		}
		return nil
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "NAME\tKIND\tENTRIES\tVERSION\tDISTANCE\tRATIO\tSOURCE\tCLASSIFICATION\tUPDATED")
	for _, b := range banks {
		fmt.Fprintf(table, "%s\t%s\t%d\t%d\t%d\t%g\t%s\t%s\t%s\n", b.Name, b.Kind, b.Entries, b.Version, b.Distance, b.Ratio,
			dash(b.Source), dash(b.Classification), day(b.Updated))
	}
	return table.Flush()
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
