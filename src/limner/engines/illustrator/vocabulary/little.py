"""The little words: colours, counts, sizes, and those that a picture can leave unsaid."""

COLOURS = {
    "red": ("#e0332c", "red|crimson|scarlet|ruby|红|红色|大红|鲜红|赤"),
    "orange": ("#f58a1f", "orange|tangerine|橙|橙色|橘色|橘红色"),
    "yellow": ("#fbd02d", "yellow|lemon yellow|黄|黄色|明黄"),
    "gold": ("#d9a520", "gold|golden|金|金色|金黄|金黄色"),
    "green": ("#3fae49", "green|emerald|lime|olive|绿|绿色|翠绿|草绿|墨绿"),
    "teal": ("#149c94", "teal|turquoise|青|青色|青绿|碧绿"),
    "cyan": ("#2bc4dc", "cyan|aqua|青蓝|湖蓝|天青"),
    "light blue": ("#7cc4f5", "light blue|sky blue|pale blue|baby blue|浅蓝|浅蓝色|天蓝|天蓝色|淡蓝|淡蓝色"),
    "blue": ("#3f86f2", "blue|azure|cobalt|蓝|蓝色|湛蓝"),
    "dark blue": ("#234a9c", "dark blue|navy|navy blue|indigo|深蓝|深蓝色|藏青|藏蓝|靛蓝"),
    "purple": ("#8e4fd0", "purple|violet|紫|紫色|紫罗兰色"),
    "lavender": ("#b79cf0", "lavender|lilac|淡紫|淡紫色|浅紫色"),
    "magenta": ("#d63fb0", "magenta|fuchsia|洋红|品红"),
    "pink": ("#f48fb8", "pink|rosy|粉|粉色|粉红|粉红色|桃红"),
    "brown": ("#8a5a3c", "brown|chestnut brown|tan|chocolate brown|棕|棕色|褐色|咖啡色|棕褐色"),
    "beige": ("#e3cfaa", "beige|cream coloured|cream-colored|米色|米黄色"),
    "white": ("#f4f4f2", "white|snow-white|ivory|白|白色|雪白|洁白"),
    "grey": ("#8f959c", "grey|gray|灰|灰色|银灰"),
    "silver": ("#c3cad2", "silver|silvery|银|银色"),
    "black": ("#2b2d33", "black|jet black|黑|黑色|漆黑|乌黑"),
}
COLOUR_NAMES_ZH = {
    "red": "红色", "orange": "橙色", "yellow": "黄色", "gold": "金色", "green": "绿色", "teal": "青绿色", "cyan": "青色",
    "light blue": "浅蓝色", "blue": "蓝色", "dark blue": "深蓝色", "purple": "紫色", "lavender": "淡紫色", "magenta": "洋红色",
    "pink": "粉色", "brown": "棕色", "beige": "米色", "white": "白色", "grey": "灰色", "silver": "银色", "black": "黑色",
}  # fmt: skip

COUNTS = {
    1: "a|an|one|single|1|一|一个",
    2: "two|a couple of|a pair of|couple of|pair of|both|twin|2|二|两|一对|一双|俩",
    3: "three|a few|several|few|some|trio of|3|三|几|一些|几个|若干",
    4: "four|4|四",
    5: "five|many|a group of|group of|lots of|a lot of|5|五|许多|很多|一群|众多",
    6: "six|half a dozen|6|六",
    7: "seven|a herd of|herd of|a flock of|flock of|7|七",
    8: "eight|8|八",
    9: "nine|ten|a dozen|dozen|9|10|12|九|十|十个",
}
MEASURES = "只|个|条|头|匹|辆|朵|棵|座|间|架|艘|位|名|本|张|片|株|颗|枝|杯|碗|盘|块|支|把|架|幢|栋|尾|群|束|串|根|台|部|件|顶|双|对|口|轮|粒|盏|艘|叶|枚"

SIZES = {
    "baby": "baby|young|newborn|infant|宝宝|小宝宝|幼|幼小|幼年|婴儿",
    "small": "small|little|tiny|miniature|mini|小|小小|迷你|微小|小小的",
    "large": "large|big|huge|giant|enormous|gigantic|massive|tall|大|巨大|大大|庞大|高大|巨型",
}

NEGATIONS = "no|without|not|not any|没有|不要|无|别画"
PREDICATES = "is|are|was|were|be|coloured|colored|是"
JOINTS = (
    "and|or|with|in|on|at|by|near|under|over|above|below|beside|behind|next to|in front of|between|from|of|to|into|through|"
    "around|across|along|against|beneath|atop|on top of|while|as|who|that|which|where|there|"
    "和|与|跟|及|以及|在|有|还有|并且|上|下|里|中|旁|旁边|前|前面|后|后面|之间|里面|上面|下面|周围|附近|一旁|带着|拿着|穿着|坐着"
)
ARTICLES = "a|an|the|this|that|these|those|its|his|her|their|our|my|your|每|这|那"

# Said of a picture rather than to be seen in it: nothing is missing when they are not drawn.
UNSAID = (
    "cute|adorable|beautiful|pretty|lovely|nice|sweet|charming|happy|joyful|cheerful|playful|funny|friendly|smiling|gentle|"
    "peaceful|calm|quiet|serene|cozy|cosy|warm|soft|fluffy|furry|delightful|wonderful|amazing|gorgeous|stunning|magical|"
    "bright|colorful|colourful|vibrant|fresh|simple|tiny bit|very|really|so|quite|just|also|too|all|other|same|old|new|"
    "image|picture|illustration|drawing|scene|art|artwork|draw|paint|show|showing|depicting|create|generate|make|please|"
    "view|background|foreground|featuring|it|they|he|she|i|we|you|me|us|them|him|up|down|out|off|left|right|front|back|top|bottom|"
    "standing|sitting|lying|floating|swimming|flying|walking|running|playing|looking|sleeping|resting|standing on|has|have|"
    "having|does|do|can|will|would|should|could|for|but|if|then|than|like|more|most|own|one another|each|together|"
    "s|style of|bowl of|plate of|glass of|slice of|piece of|bunch of|row of|rows of|fairy tale|fairytale|pirate|basket of|pile of|"
    "busy|crowded|ancient|modern|old-fashioned|vintage|elegant|majestic|mighty|brave|proud|sleepy|hungry|happily|quietly|peacefully|slowly|"
    "shiny|sparkling|glowing|dreamy|whimsical|enchanted|mysterious|epic|dramatic|scenic|idyllic|lush|tropical|rustic|traditional|"
    "single|alone|near|far|distant|nearby|early|late|clear|high|low|deep|long|short|round|fat|thin|chubby|furry|fuzzy|cuddly|sweetly|"
    "full|empty|open|closed|above|scattered|shining|blooming|blossoming|growing|parked|anchored|drifting|gliding|perched|grazing|"
    "moving|watching|looking at|staring|gazing|waiting|hiding|coming|going|set|against|inside|outside|during|some|any|every|"
    "kind of|sort of|full of|covered|surrounded|filled|wild|lone|lonely|middle|side|edge|end|center|centre|"
    "可爱|可爱的|美丽|美丽的|漂亮|好看|快乐|开心|高兴|温馨|安静|宁静|平静|温暖|温柔|可人|梦幻|神奇|活泼|调皮|一幅|一张|图|图片|图像|"
    "画|插画|插图|照片|画面|请|帮我|给我|生成|绘制|创作|展示|的|了|着|地|得|们|很|非常|十分|特别|它|他|她|我|你|之|其|"
    "正在|正|站|站在|坐|坐在|躺|躺在|漂浮|漂|游泳|游|飞|飞翔|飞行|走|走路|跑|奔跑|玩|玩耍|看|看着|睡觉|休息|盛开|背景|前景|风格|场景|"
    "一起|充满|围绕|到处|满|开|停|停着|挂|挂着|下方|上方|左边|右边|中间|中央|里边|外|外面|边|"
    "、|，|。"
)
