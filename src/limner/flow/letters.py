"""What our mails say, in English and Chinese. Pure.

Plain text, one link each, nothing that a stranger has written: what a mail says is ours alone.
"""

from __future__ import annotations

from typing import Final, Literal

from limner.kit.mail import Mail

Language = Literal["en", "zh"]
Kind = Literal["verify", "reset", "taken", "new_email", "email_changed", "approved", "refused"]

_WORDS: Final[dict[Kind, dict[Language, tuple[str, str]]]] = {
    "verify": {
        "en": (
            "Confirm your e-mail",
            (
                "Somebody, probably you, has made an account with this e-mail at {place}.\n\n"
                "Open this link to confirm it; it is good for 24 hours:\n\n{link}\n\n"
                "If it was not you, do nothing: without the link nobody can use the account."
            ),
        ),
        "zh": (
            "请确认你的邮箱",
            (
                "有人（很可能是你）用这个邮箱在 {place} 注册了账户。\n\n"
                "请打开下面的链接确认，24 小时内有效：\n\n{link}\n\n"
                "如果不是你本人操作，请忽略这封邮件：没有这个链接，谁也无法使用该账户。"
            ),
        ),
    },
    "reset": {
        "en": (
            "Set a new password",
            (
                "A new password was asked for your account at {place}.\n\n"
                "Open this link to set one; it is good for one hour and for one time:\n\n{link}\n\n"
                "If it was not you, do nothing: your password stays as it is."
            ),
        ),
        "zh": (
            "设置新密码",
            (
                "有人请求为你在 {place} 的账户设置新密码。\n\n"
                "请打开下面的链接设置，1 小时内有效，只能使用一次：\n\n{link}\n\n"
                "如果不是你本人操作，请忽略这封邮件：你的密码不会改变。"
            ),
        ),
    },
    "taken": {
        "en": (
            "You have an account already",
            (
                "Somebody, probably you, wanted to use this e-mail for an account at {place}, but there is one already.\n\n"
                "Sign in with it, or set a new password if you have forgotten yours:\n\n{link}\n\n"
                "If it was not you, do nothing: nothing has changed."
            ),
        ),
        "zh": (
            "你已经有账户了",
            (
                "有人（很可能是你）想用这个邮箱在 {place} 注册账户，但该邮箱已有账户。\n\n"
                "请直接登录；如果忘记了密码，可以在这里重新设置：\n\n{link}\n\n"
                "如果不是你本人操作，请忽略这封邮件：一切没有改变。"
            ),
        ),
    },
    "new_email": {
        "en": (
            "Confirm your new e-mail",
            (
                "This e-mail was given for an account at {place}.\n\n"
                "Open this link to use it from now on; it is good for 24 hours:\n\n{link}\n\n"
                "If it was not you, do nothing: the account keeps its old e-mail."
            ),
        ),
        "zh": (
            "请确认你的新邮箱",
            (
                "有人将 {place} 的账户邮箱改为此邮箱。\n\n"
                "请打开下面的链接确认更换，24 小时内有效：\n\n{link}\n\n"
                "如果不是你本人操作，请忽略这封邮件：该账户仍使用原来的邮箱。"
            ),
        ),
    },
    "email_changed": {
        "en": (
            "Your e-mail was changed",
            (
                "Your account at {place} has another e-mail from now on; mails go there.\n\n"
                "If it was not you, tell whoever runs the server at once:\n\n{link}"
            ),
        ),
        "zh": (
            "你的邮箱已更换",
            (
                "你在 {place} 的账户从现在起使用另一个邮箱，今后的邮件都会发往那里。\n\n"
                "如果不是你本人操作，请立即联系该服务的管理员：\n\n{link}"
            ),
        ),
    },
    "approved": {
        "en": (
            "Your account was approved",
            "Your account at {place} was approved. You can sign in and begin:\n\n{link}",
        ),
        "zh": ("你的账户已通过审核", "你在 {place} 的账户已通过审核，现在可以登录使用了：\n\n{link}"),
    },
    "refused": {
        "en": (
            "Your account was not approved",
            "Whoever runs {place} has not approved your account. It was deleted, with everything you gave.\n\n{link}",
        ),
        "zh": (
            "你的账户未通过审核",
            "{place} 的管理员没有通过你的账户申请。该账户以及你填写的内容均已删除。\n\n{link}",
        ),
    },
}


def letter(kind: Kind, *, to: str, language: Language, place: str, link: str) -> Mail:
    """The mail. `place`: the server as people know it, without the scheme."""
    subject, text = _WORDS[kind][language]
    return Mail(kind=kind, to=to, subject=f"{subject} · limner", text=text.format(place=place, link=link) + "\n")
