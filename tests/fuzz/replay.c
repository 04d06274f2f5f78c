/* replay.c -- runs a fuzz target over files, without libFuzzer.
 *
 *   fuzz_resp FILE...
 *
 * So that `make test` replays with any compiler every input that ever mattered. The
 * name is printed before an input runs: after a crash it is the last line.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void replay(const char *path)
{
    FILE *f = fopen(path, "rb");
    uint8_t *data = NULL;
    size_t n = 0, room = 0;

    if (f == NULL) {
        perror(path);
        exit(2);
    }
    puts(path);
    fflush(stdout);
    while (!feof(f) && !ferror(f)) {
        if (n == room) {
            room = room ? room * 2 : 4096;
            data = realloc(data, room);
            if (data == NULL)
                exit(2);
        }
        n += fread(data + n, 1, room - n, f);
    }
    fclose(f);
    LLVMFuzzerTestOneInput(data, n);
    free(data);
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        replay(argv[i]);
    return 0;
}
