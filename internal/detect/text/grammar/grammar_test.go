package grammar

import "testing"

func TestGrammarsSay(t *testing.T) {
	for _, folder := range []string{"learn"} {
		all, err := readGrammars(files, folder, map[string][]string{"slur": {"xx"}, "sexual": {"yy"}})
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for i := range all {
			rows := all[i].sentences()
			n += len(rows)
			t.Logf("%s: %d sentences", all[i].name, len(rows))
		}
		t.Log(n)
	}
}
