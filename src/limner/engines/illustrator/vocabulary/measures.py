"""Chinese measure words: by the end of the noun first (the longest wins), then by the kind of thing."""

_BY_ENDING_WORDS = {
    "头": "骆驼 牛 大象 小象 象 猪 野猪 驴 毛驴 驴子 河马 犀牛 猛犸 狮子 熊 灰熊 棕熊 北极熊",
    "匹": "马 斑马 狼 独角兽",
    "条": "鱼 蛇 龙 巨龙 鲨鱼 鳄鱼 河豚 裤 牛仔裤 围巾 领带 裙 连衣裙 毛毛虫 蠕虫 彩带 链条 美人鱼 鲤鱼旗 法棍面包",
    "朵": "花 玫瑰 郁金香 芙蓉 向日葵 莲花 荷花 蘑菇 云",
    "束": "花束",
    "株": "幼苗 仙人掌 稻子 芙蓉",
    "片": "叶 四叶草 三叶草 枫叶 披萨 面包片 培根",
    "盆": "盆栽 盆栽植物 植物",
    "杯": "热饮 咖啡 茶 绿茶 奶茶 珍珠奶茶 啤酒 葡萄酒 鸡尾酒 饮料 果汁 牛奶 奶 平底杯",
    "瓶": "香槟 清酒",
    "碗": "面 面条 拉面 米饭 盖饭 汤 沙拉 咖喱饭 粥 稀饭",
    "盘": "意大利面 饺子",
    "块": "蛋糕 奶酪 石头 岩石 糖 巧克力 手表 肉块 奶酪块",
    "本": "书 书本 笔记本 书籍 打开的书本",
    "台": "电脑 笔记本电脑 电视 电视机 相机 照相机 打印机 收音机 摄像机 机器人",
    "部": "手机 电话",
    "架": "飞机 直升机 钢琴 琴键 竖琴",
    "列": "火车 高铁 动车 高速列车 地铁 蒸汽火车 轻轨",
    "艘": "船 飞船 轮船 游轮 帆船 快艇 客轮 渡轮 独木舟",
    "枚": "火箭 戒指 硬币 奖牌 贝壳 螺旋贝壳",
    "辆": "车 汽车 自行车 摩托车 公交车 出租车 巴士 卡车 救护车 坦克 轮椅",
    "座": "城堡 塔 灯塔 教堂 山 雪山 火山 富士山 岛 荒岛 桥 风车 宫殿 寺 寺庙 喷泉 医院 学校 工厂 清真寺 神社",
    "栋": "房子 房屋 房屋建筑 小屋 别墅 大楼 高楼 办公楼 酒店 茅屋 建筑",
    "顶": "帐篷 帽 帽子 礼帽 王冠",
    "把": "伞 雨伞 椅子 吉他 小提琴 刀 匕首 斧头 锤子 钥匙 扫帚 牙刷 折扇 剪刀 遮阳伞 勺子",
    "张": "床 沙发 桌子 地图 面具 长凳",
    "双": "袜 袜子 手套 筷子",
    "副": "眼镜 墨镜 耳机",
    "件": "衣 t恤 外套 白大褂 衬衫 和服 礼物",
    "盏": "灯 台灯 灯笼 灯泡",
    "支": "笔 铅笔 蜡烛 口红 唇膏 长笛 温度计",
    "颗": "星 星星 行星 心 红心 爱心 宝石 钻石 草莓 樱桃 葡萄 糖果 栗子 牙齿 地球 带环行星 闪亮的星星 流星",
    "棵": "树 大树 松树 常青树 落叶树 棕榈树 圣诞树 树木 白菜 西兰花",
    "根": "胡萝卜 黄瓜 香蕉 羽毛 木头 骨头 玉米",
    "串": "葡萄 团子 念珠",
    "位": "宇航员 厨师 医生 护士 老师 公主 王子 国王 女王 飞行员 魔法师 巫师 卫兵 警察 老人 老奶奶 老爷爷 舞者 天使 仙女 士兵 骑士 女士 先生",
    "对": "情侣 夫妻 朋友",
    "名": "冲浪者 滑雪者 跑步者 骑车人 消防员",
    "只": "鞋 鞋子 跑鞋 靴 狗 猫 小牛 小猪 小马 小熊 小狮子 小象 羊 兔 鸟 鸡 鸭 海豚 鲸 虎鲸 蓝鲸 热气球 气球 泰迪熊 玩具熊 狗熊 小熊猫 熊猫 海象 浣熊 考拉",
}  # fmt: skip
_BY_KIND = (
    ("animal", "只"), ("plant-flower", "朵"), ("plant-other", "棵"), ("transport-ground", "辆"), ("transport-water", "艘"),
    ("transport-air", "架"), ("place-building", "座"), ("place-religious", "座"), ("place-geographic", "座"), ("person", "个"),
    ("clothing", "件"), ("drink", "杯"),
)  # fmt: skip
_BY_ENDING = {ending: measure for measure, endings in _BY_ENDING_WORDS.items() for ending in endings.split()}
_ENDING_MAX = max(len(ending) for ending in _BY_ENDING)


def measure_of(noun: str, kind: str) -> str:
    """The word between the number and `noun`."""
    for length in range(min(_ENDING_MAX, len(noun)), 0, -1):
        found = _BY_ENDING.get(noun[-length:])
        if found:
            return found
    return next((measure for start, measure in _BY_KIND if kind.startswith(start)), "个")
