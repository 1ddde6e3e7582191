dnl SPDX-License-Identifier: GPL-2.0-or-later

dnl SOCKAUDIT_FLAGS(VARIABLE, FLAG...): appends to VARIABLE, and substitutes it, those of the flags
dnl with which the compiler still compiles and links. -Werror, since clang only warns of what it
dnl does not know.
AC_DEFUN([SOCKAUDIT_FLAGS], [
  AC_SUBST([$1])
  sockaudit_cflags=$CFLAGS
  for sockaudit_flag in m4_normalize([$2]); do
    AC_MSG_CHECKING([whether $CC takes $sockaudit_flag])
    CFLAGS="$sockaudit_cflags -Werror $sockaudit_flag"
    AC_LINK_IFELSE([AC_LANG_PROGRAM()],
      [AC_MSG_RESULT([yes])
       $1="$$1 $sockaudit_flag"],
      [AC_MSG_RESULT([no])])
  done
  CFLAGS=$sockaudit_cflags
])

dnl SOCKAUDIT_REQUIRE(PREFIX, MODULE, DEBIAN-PACKAGE, [WHAT-ELSE]): a library that must be there.
AC_DEFUN([SOCKAUDIT_REQUIRE], [
  PKG_CHECK_MODULES([$1], [$2], [], [AC_MSG_ERROR([the library $2 was not found.
  Debian and Ubuntu: apt install $3. Or let ./dev deps install all that is needed.$4])])
])

dnl SOCKAUDIT_DIR(VARIABLE, MODULE, PC-VARIABLE, ELSE): where that program looks for what others
dnl install, by its own pkg-config file, below our own prefix; ELSE where it is not installed.
AC_DEFUN([SOCKAUDIT_DIR], [
  AC_SUBST([$1])
  $1=$($PKG_CONFIG --define-variable=prefix='${prefix}' --define-variable=datadir='${datadir}' \
    --variable=$3 $2 2>/dev/null)
  AS_IF([test -z "$$1"], [$1='$4'])
])

dnl SOCKAUDIT_SYSTEMD_DIR(NAME, VARIABLE-OF-SYSTEMD.PC, BELOW-PREFIX, WHAT): --with-NAME=DIR, by
dnl default what systemd's own pkg-config file says, or below the prefix where there is none.
AC_DEFUN([SOCKAUDIT_SYSTEMD_DIR], [
  AC_ARG_WITH([$1], [AS_HELP_STRING([--with-$1=DIR], [where $4 goes])], [$1=$withval],
    [PKG_CHECK_VAR([$1], [systemd], [$2], [], [$1='${prefix}/$3'])])
  AC_SUBST([$1])
])
