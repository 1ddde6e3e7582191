/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "model/program.h"

#include <string.h>

#include "util/memory.h"

/*
 * The syntax of an interpreter's command line up to the script. All other options have no value, or
 * one after `=`. With `clusters`, `-abc` is `-a -b -c`, and a value may follow its letter in the
 * same argument.
 */
typedef struct Syntax {
    const char *name;
    const char *const *values;  /* long options whose value is the next argument */
    const char *const *code;    /* long options in place of a script */
    const char *letters;        /* short options with a value: attached, or the next argument */
    const char *attached;       /* short options with a value that can only be attached */
    const char *code_letters;   /* short options in place of a script */
    const char *module_letters; /* short options that name the module to run */
    const char *script_letters; /* short options that name the script to run */
    const char *const *modules; /* long options that name the module */
    const char *const *scripts; /* long options that name the script */
    const char *const *verbs;   /* words before the options of the script */
    bool clusters;
} Syntax;

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

static const Syntax syntaxes[] = {
    {.name = "python",
     .values = WORDS("--check-hash-based-pycs"),
     .letters = "WX",
     .code_letters = "c",
     .module_letters = "m",
     .clusters = true},
    {.name = "node",
     .values =
         WORDS("--allow-fs-read", "--allow-fs-write", "--build-snapshot-config", "--conditions",
               "--cpu-prof-dir", "--cpu-prof-interval", "--cpu-prof-name", "--debug-port",
               "--diagnostic-dir", "--disable-proto", "--disable-warning", "--dns-result-order",
               "--env-file", "--env-file-if-exists", "--experimental-config-file",
               "--experimental-default-type", "--experimental-loader", "--experimental-policy",
               "--experimental-sea-config", "--heap-prof-dir", "--heap-prof-interval",
               "--heap-prof-name", "--heapsnapshot-near-heap-limit", "--heapsnapshot-signal",
               "--icu-data-dir", "--import", "--input-type", "--inspect-port",
               "--inspect-publish-uid", "--loader", "--localstorage-file", "--max-http-header-size",
               "--network-family-autoselection-attempt-timeout", "--openssl-config",
               "--policy-integrity", "--redirect-warnings", "--report-dir", "--report-directory",
               "--report-filename", "--report-signal", "--require", "--secure-heap",
               "--secure-heap-min", "--snapshot-blob", "--test-concurrency", "--test-name-pattern",
               "--test-reporter", "--test-reporter-destination", "--test-shard", "--test-timeout",
               "--title", "--tls-cipher-list", "--tls-keylog", "--trace-event-categories",
               "--trace-event-file-pattern", "--trace-require-module", "--unhandled-rejections",
               "--use-largepages", "--v8-pool-size", "--watch-path", "-C", "-r"),
     .code = WORDS("--eval", "--print", "-e", "-p", "-pe"),
     .modules = WORDS("--run"),
     .verbs = WORDS("inspect")},
    {.name = "deno",
     .values = WORDS("--cert", "--config", "--cwd", "--ext", "--host", "--import-map", "--location",
                     "--log-level", "--port", "--preload", "--seed", "-L", "-c"),
     .verbs = WORDS("bench", "run", "serve", "test", "watch")},
    {.name = "bun",
     .values = WORDS("--conditions", "--cwd", "--define", "--env-file", "--filter", "--import",
                     "--loader", "--port", "--preload", "--require", "--tsconfig-override", "-d",
                     "-l", "-r"),
     .code = WORDS("--eval", "--print", "-e", "-p"),
     .verbs = WORDS("run", "test", "x")},
    {.name = "ruby",
     .values =
         WORDS("--disable", "--enable", "--encoding", "--external-encoding", "--internal-encoding"),
     .letters = "CEIXr",
     .attached = "0FKTWilx",
     .code_letters = "e",
     .clusters = true},
    {.name = "java",
     .values = WORDS("--add-exports", "--add-modules", "--add-opens", "--add-reads", "--class-path",
                     "--describe-module", "--enable-native-access", "--limit-modules",
                     "--module-path", "--patch-module", "--source", "--upgrade-module-path",
                     "-classpath", "-cp", "-d", "-p"),
     .modules = WORDS("--module", "-m"),
     .scripts = WORDS("-jar")},
    {.name = "php",
     .values = WORDS("--define", "--docroot", "--php-ini", "--process-begin", "--process-end",
                     "--server", "--zend-extension"),
     .code = WORDS("--process-code", "--run"),
     .letters = "Scdtz",
     .code_letters = "BERr",
     .script_letters = "Ff",
     .scripts = WORDS("--file", "--process-file"),
     .clusters = true},
    {.name = "perl",
     .letters = "I",
     .attached = "0CDFMVdilmx",
     .code_letters = "Ee",
     .clusters = true},
    {.name = "busybox"},
    {.name = "shell",
     .values = WORDS("--init-file", "--rcfile"),
     .letters = "Oo",
     .code_letters = "c",
     .clusters = true},
};

static const struct {
    const char *file, *interpreter;
} files[] = {
    {"bash", "shell"},   {"busybox", "busybox"}, {"bun", "bun"},       {"bun.exe", "bun"},
    {"bunx.exe", "bun"}, {"dash", "shell"},      {"deno", "deno"},     {"java", "java"},
    {"ksh", "shell"},    {"node", "node"},       {"nodejs", "node"},   {"perl", "perl"},
    {"php", "php"},      {"pypy", "python"},     {"python", "python"}, {"ruby", "ruby"},
    {"sh", "shell"},     {"zsh", "shell"},
};

const char *path_base_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* `python`, `python3.11`, `python3.11-dbg`; not `node_exporter`, nor `node-red`. */
static bool is_file_of(const char *base, const char *file) {
    size_t length = strlen(file);
    if (strncmp(base, file, length) != 0)
        return false;
    size_t version = strspn(base + length, "0123456789.");
    return base[length + version] == '\0' || (version > 0 && base[length + version] == '-');
}

static const Syntax *find_syntax(const char *path) {
    const char *base = path_base_name(path);

    for (size_t i = 0; i < ELEMENTS(files); i++) {
        if (!is_file_of(base, files[i].file))
            continue;
        for (size_t j = 0; j < ELEMENTS(syntaxes); j++)
            if (strcmp(syntaxes[j].name, files[i].interpreter) == 0)
                return &syntaxes[j];
    }
    return NULL;
}

static bool is_one_of(const char *const *words, const char *word) {
    for (; words && *words; words++)
        if (strcmp(*words, word) == 0)
            return true;
    return false;
}

static bool has_letter(const char *letters, char letter) {
    return letters && strchr(letters, letter);
}

/* Reads a command line up to the script. */
typedef struct Reader {
    const Syntax *syntax;
    char *const *arguments;
    size_t at; /* the next argument */
    Program *program;
    bool done; /* no further arguments belong to the interpreter */
} Reader;

static const char *read_next(Reader *reader) {
    return reader->arguments[reader->at] ? reader->arguments[reader->at++] : NULL;
}

static void end_with(Reader *reader, const char *script, bool is_module) {
    /* An empty name is ignored; `-` is standard input. */
    if (script && *script != '\0' && strcmp(script, "-") != 0) {
        reader->program->script = script;
        reader->program->is_module = is_module;
    }
    reader->done = true;
}

/* `-uBm MODULE`: letters up to the first one with a value. */
static void read_cluster(Reader *reader, const char *letters) {
    const Syntax *syntax = reader->syntax;

    for (; *letters; letters++) {
        const char *rest = letters[1] ? letters + 1 : NULL;
        if (has_letter(syntax->attached, *letters))
            return;
        if (has_letter(syntax->code_letters, *letters)) {
            if (!rest)
                read_next(reader);
            end_with(reader, NULL, false);
            return;
        }
        if (has_letter(syntax->module_letters, *letters) ||
            has_letter(syntax->script_letters, *letters)) {
            end_with(reader, rest ? rest : read_next(reader),
                     has_letter(syntax->module_letters, *letters));
            return;
        }
        if (has_letter(syntax->letters, *letters)) {
            if (!rest)
                read_next(reader);
            return;
        }
    }
}

static void read_option(Reader *reader, const char *option) {
    const Syntax *syntax = reader->syntax;

    if (is_one_of(syntax->values, option)) {
        read_next(reader);
    } else if (is_one_of(syntax->code, option)) {
        read_next(reader);
        end_with(reader, NULL, false);
    } else if (is_one_of(syntax->modules, option)) {
        end_with(reader, read_next(reader), true);
    } else if (is_one_of(syntax->scripts, option)) {
        end_with(reader, read_next(reader), false);
    } else if (strcmp(option, "--") == 0) {
        end_with(reader, read_next(reader), false);
    } else if (syntax->clusters && option[1] != '-') {
        read_cluster(reader, option + 1);
    }
}

/* The first argument that is not an option: the script, or a subcommand. */
static void read_word(Reader *reader, const char *word, bool first) {
    const char *name = reader->syntax->name;
    size_t length = strlen(word);

    if (first && is_one_of(reader->syntax->verbs, word))
        return;
    if (first && strcmp(name, "deno") == 0 && strcmp(word, "eval") == 0)
        end_with(reader, NULL, false);
    else if (first && strcmp(name, "deno") == 0 && strcmp(word, "task") == 0)
        reader->program->is_module = true; /* followed by its options and the name of the task */
    else if (strcmp(name, "java") == 0)
        /* `@FILE` has further arguments; a class has no suffix. */
        end_with(reader, word, length < 5 || strcmp(word + length - 5, ".java") != 0);
    else
        end_with(reader, word, reader->program->is_module);
}

static void read_arguments(Reader *reader) {
    bool first = true;

    while (!reader->done && reader->arguments[reader->at]) {
        const char *argument = read_next(reader);
        if (argument[0] == '-' && argument[1] != '\0') {
            read_option(reader, argument);
        } else if (argument[0] == '@' && strcmp(reader->syntax->name, "java") == 0) {
            continue;
        } else {
            read_word(reader, argument, first);
            first = false;
        }
    }
    if (!reader->program->script)
        reader->program->is_module = false;
}

/* One string that contains a space, or that is not the name of the executable. */
static bool is_title(const Syntax *syntax, char *const *arguments) {
    if (string_is_empty(arguments[0]) || arguments[1])
        return false;
    if (strchr(arguments[0], ' '))
        return true;
    /* A login shell's name begins with a dash. */
    return syntax && find_syntax(arguments[0] + (*arguments[0] == '-')) != syntax;
}

/* busybox runs the applet of argv[0], otherwise that of the first argument. */
static void read_applet(Reader *reader) {
    const char *called = reader->arguments[0];

    if (find_syntax(called) == reader->syntax)
        called = read_next(reader);
    end_with(reader, called ? path_base_name(called) : NULL, true);
    reader->program->is_module = reader->program->script != NULL;
}

/* Finds the last `node_modules/NAME/` or `node_modules/@SCOPE/NAME/`, except `.bin` and `.pnpm`. */
static void find_package(const char *path, char package[static PROGRAM_PACKAGE_SIZE]) {
    static const char folder[] = "node_modules/";

    for (const char *at = path; (at = strstr(at, folder)); at++) {
        if (at > path && at[-1] != '/')
            continue;
        const char *name = at + sizeof(folder) - 1;
        size_t length = strcspn(name, "/");
        if (*name == '@' && name[length] == '/')
            length += 1 + strcspn(name + length + 1, "/");
        if (length == 0 || length >= PROGRAM_PACKAGE_SIZE || *name == '.' || name[length] != '/')
            continue;
        memcpy(package, name, length);
        package[length] = '\0';
    }
}

void program_init(Program *ret, const Holder *holder) {
    char *const *arguments = holder->cmdline;
    const char *name = holder->exe ?: arguments && arguments[0] ? arguments[0] : NULL;
    const Syntax *syntax = name ? find_syntax(name) : NULL;

    *ret = (Program){.interpreter = syntax ? syntax->name : NULL};
    if (arguments && arguments[0]) {
        Reader reader = {.syntax = syntax, .arguments = arguments, .at = 1, .program = ret};
        if (syntax && strcmp(syntax->name, "busybox") == 0)
            read_applet(&reader);
        else if (is_title(syntax, arguments))
            ret->title = arguments[0];
        else if (syntax)
            read_arguments(&reader);
        ret->arguments = reader.at;
    }
    const char *path = syntax ? (ret->is_module ? NULL : ret->script) : holder->exe;
    if (path)
        find_package(path, ret->package);
}
